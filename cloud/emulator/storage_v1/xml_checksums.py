"""Checksums that a request of the XML API announces, compared with its bytes.

Google's: ``x-goog-hash`` and ``Content-MD5``. Clients of Amazon S3 send ``x-amz-checksum-*``
(https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html).
"""

import base64
import hashlib
import zlib
from collections.abc import Callable, Mapping
from typing import Protocol

from cloud.engine.storage.checksums import BadDigest
from cloud.errors import InvalidArgument

_PREFIX = "x-amz-checksum-"
_ABOUT = frozenset({"algorithm", "mode", "type", "crc32c"})
"""Of these headers, those that are no checksum to compare here: CRC32C is compared by the storage itself."""


class _Digest(Protocol):
    def update(self, data: bytes, /) -> None: ...
    def digest(self) -> bytes: ...


class _Crc32:
    def __init__(self) -> None:
        self._value = 0

    def update(self, data: bytes, /) -> None:
        self._value = zlib.crc32(data, self._value)

    def digest(self) -> bytes:
        return self._value.to_bytes(4, "big")


_DIGESTS: Mapping[str, Callable[[], _Digest]] = {
    "crc32": _Crc32,
    "md5": lambda: hashlib.md5(usedforsecurity=False),
    "sha1": lambda: hashlib.sha1(usedforsecurity=False),
    "sha256": hashlib.sha256,
}


class AnnouncedChecksums:
    """Args:
    headers: of the request.
    md5: base64; None: not compared here.

    Raises:
        InvalidArgument: a checksum that cannot be compared, or the body is in signed chunks.
    """

    def __init__(self, headers: Mapping[str, str], *, md5: str | None = None) -> None:
        if "aws-chunked" in headers.get("Content-Encoding", "") or "x-amz-trailer" in headers:
            raise InvalidArgument(
                "A body in chunks of Amazon S3 (aws-chunked) is not accepted, it would be stored with their frames: "
                "set request_checksum_calculation to when_required."
            )
        announced = {
            name.lower().removeprefix(_PREFIX): value
            for name, value in headers.items()
            if name.lower().startswith(_PREFIX)
        }
        self._announced = {name: value for name, value in announced.items() if name not in _ABOUT}
        if unknown := sorted(self._announced.keys() - _DIGESTS.keys()):
            raise InvalidArgument(
                f"{_PREFIX}{unknown[0]} is not compared here: send {', '.join(_PREFIX + name for name in _DIGESTS)}, "
                "x-goog-hash or none."
            )
        if md5 is not None:
            self._announced["md5"] = md5
        self._digests = {name: _DIGESTS[name]() for name in self._announced}
        self.crc32c = announced.get("crc32c")
        """Base64; None: none is announced."""

    def update(self, block: bytes) -> None:
        for digest in self._digests.values():
            digest.update(block)

    def check(self) -> None:
        """Raises:
        BadDigest: the bytes have another.
        """
        for name, digest in self._digests.items():
            found = base64.b64encode(digest.digest()).decode()
            if self._announced[name] != found:
                raise BadDigest(f"{name} {self._announced[name][:100]!r} was specified, {found!r} was calculated.")
