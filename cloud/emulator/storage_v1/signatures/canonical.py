"""``SignedRequest``: what of a request a signature is over, in the spelling that both sides compute it from. Pure.

https://cloud.google.com/storage/docs/authentication/canonical-requests (version 4),
https://cloud.google.com/storage/docs/access-control/signed-urls-v2.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import quote, unquote_to_bytes

from aiohttp import web

EXTENSION = "x-goog-"
"""How the names of Cloud Storage's own headers begin."""
EXTENSIONS = (EXTENSION, "x-amz-")
"""The same, and those of Amazon S3, which Cloud Storage understands: each must be signed, for it may change everything:
``x-amz-copy-source`` would copy what the signer may read."""


@dataclass(frozen=True)
class SignedRequest:
    method: str
    host: str
    """With its port, as sent."""
    path: str
    """As sent, quoted."""
    bucket: str | None
    """That the host names; None if the path does."""
    query: Sequence[tuple[str, str]]
    """Unquoted, in the order sent."""
    headers: Mapping[str, str]
    """By their names in lower case: blanks at the ends removed, runs of them one, repeated headers joined by commas."""

    @cached_property
    def parameters(self) -> Mapping[str, str]:
        """By their names in lower case; the first of those that are repeated."""
        return {name.lower(): value for name, value in reversed(self.query)}

    @property
    def hosts(self) -> Iterator[str]:
        """With and without the port: Google's own clients differ in which they sign."""
        yield self.host
        without = re.sub(r":[0-9]+$", "", self.host)
        if without != self.host:
            yield without

    @property
    def paths(self) -> Iterator[str]:
        """As sent; and quoted as clients do, where something on the way has quoted other characters."""
        yield self.path
        usual = "/".join(quote(unquote_to_bytes(segment), safe="~") for segment in self.path.split("/"))
        if usual != self.path:
            yield usual

    def canonical_query(self, *without: str) -> str:
        """Sorted and quoted, without the parameters of these names (in lower case)."""
        kept = [pair for pair in self.query if pair[0].lower() not in without]
        return "&".join(sorted(f"{_quoted(name)}={_quoted(value)}" for name, value in kept))


def signed_request(request: web.Request, bucket: str | None) -> SignedRequest:
    """
    Args:
        bucket: that the host names; None if the path does.
    """
    values: dict[str, list[str]] = {}
    for name, value in request.headers.items():
        values.setdefault(name.lower(), []).append(" ".join(value.split()))
    return SignedRequest(
        method=request.method,
        host=values.get("host", [""])[0].lower(),
        path=request.rel_url.raw_path,
        bucket=bucket,
        query=list(request.query.items()),
        headers={name: ",".join(each) for name, each in values.items()},
    )


def encoded(text: str) -> bytes:
    """As sent: headers may hold bytes that are not UTF-8."""
    return text.encode("utf-8", "surrogateescape")


def _quoted(text: str) -> str:
    return quote(text, safe="~")
