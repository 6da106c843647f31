"""The body of ``uploadType=multipart``: a part of JSON, then a part of bytes, which is streamed.

Format: RFC 2387 (multipart/related) as in https://cloud.google.com/storage/docs/uploading-objects#rest-upload-objects.
"""

import re
from collections.abc import AsyncIterator

from cloud.errors import InvalidArgument

_LONGEST_HEAD = 1 << 20
_BOUNDARY = re.compile(r"""boundary\s*=\s*(?:"([^"]+)"|'([^']+)'|([^\s;]+))""", re.IGNORECASE)


def boundary_of(content_type: str, expected: str = "multipart/related") -> bytes:
    """The boundary in a Content-Type (gsutil quotes it with single quotes).

    Raises:
        InvalidArgument: there is none.
    """
    match = _BOUNDARY.search(content_type) if content_type.lower().startswith("multipart/") else None
    if match is None:
        raise InvalidArgument(
            f"{expected} with a boundary is expected, not {content_type[:100]!r}", field="Content-Type"
        )
    return (match[1] or match[2] or match[3]).encode()


class MultipartReader:
    """Reads the two parts, in order: ``head`` once, then ``media`` once."""

    def __init__(self, body: AsyncIterator[bytes], boundary: bytes) -> None:
        self._body = body
        self._boundary = b"--" + boundary
        self._newline = self._mark = b""
        self._rest = b""
        self.media_type: str | None = None

    async def head(self) -> bytes:
        """The first part's body; sets ``media_type``.

        Raises:
            InvalidArgument: the body is truncated, or the part is too long.
        """
        await self._until(self._boundary)
        padding = await self._until(b"\n")
        # RFC 2046 requires CR LF. gcsfs writes LF alone, which Google accepts.
        self._newline = b"\r\n" if padding.endswith(b"\r") else b"\n"
        self._mark = self._newline + self._boundary
        self._rest = self._newline + self._rest
        # The rest of the boundary's line, empty but for padding, is read as a first line of headers.
        await self._until(self._newline * 2)
        resource = await self._until(self._mark)
        headers = await self._until(self._newline * 2)
        match = re.search(rb"^content-type:[ \t]*([^\r\n]+)", headers, re.IGNORECASE | re.MULTILINE)
        self.media_type = match[1].decode("latin-1").strip() if match else None
        return resource

    async def media(self) -> AsyncIterator[bytes]:
        """The second part's bytes, streamed.

        Raises:
            InvalidArgument: the body ends without the final boundary.
        """
        held = self._rest
        while True:
            end = held.find(self._mark)
            if end >= 0:
                if end:
                    yield held[:end]
                return
            # A boundary may be split across two blocks.
            safe = len(held) - len(self._mark) + 1
            if safe > 0:
                yield held[:safe]
                held = held[safe:]
            held += await self._more()

    async def _until(self, mark: bytes) -> bytes:
        while (end := self._rest.find(mark)) < 0:
            if len(self._rest) > _LONGEST_HEAD:
                raise InvalidArgument(f"a part's head is longer than {_LONGEST_HEAD} bytes", field="body")
            self._rest += await self._more()
        found, self._rest = self._rest[:end], self._rest[end + len(mark) :]
        return found

    async def _more(self) -> bytes:
        try:
            return await anext(self._body)
        except StopAsyncIteration:
            raise InvalidArgument("Missing end boundary in multipart body.", field="body") from None
