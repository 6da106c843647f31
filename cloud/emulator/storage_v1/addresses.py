"""Where Cloud Storage is found: its hosts, and the addresses of its JSON API as clients write them. Pure."""

import re

from aiohttp import web
from yarl import URL

from cloud.emulator.mounts import LOOPBACK
from cloud.emulator.rest.errors import ErrorStyle

_OWN_HOSTS = rf"storage(?:-upload|-download|\.mtls|\.[a-z0-9-]+\.rep)?\.googleapis\.com|{LOOPBACK}"
JSON_HOSTS = rf"www\.googleapis\.com|{_OWN_HOSTS}"
XML_HOSTS = rf"{_OWN_HOSTS}|[a-z0-9._-]+\.storage\.googleapis\.com"
SCOPES = r"devstorage\.(?:full_control|read_only|read_write)"
BATCH_PATHS = r"/+batch(?:/storage/v1)?/?"
JSON_PATHS = (
    r"/+(?:(?:(?:(?:resumable/)?upload|download)/)?storage/v1(?:/.*)?"
    # Google's client for Node, with STORAGE_EMULATOR_HOST, leaves out "/storage/v1". No bucket has a name so short.
    r"|b(?:/.*)?|projects/[^/]+/(?:serviceAccount|hmacKeys(?:/.*)?)"
    r"|v0(?:/.*)?)"
)
"""Regular expression for the whole path. ``/v0`` is Firebase's, which its client finds at the same address."""
_NAMELESS = re.compile(r"/b/[^/]+/o/$")
_BARE = re.compile(r"/(?:b|projects)(?:/|$)")


def json_path(raw_path: str) -> str | None:
    """The path as the discovery document has it, still quoted; None for one of the XML API.

    A client that is given an address with a slash at its end begins its paths with two. A slash at a path's end is in
    no name, where it would be quoted, and means nothing; but after ``/o`` it is the object without a name, which does
    not exist: Apache Arrow asks for it before it deletes a bucket.
    """
    if not re.fullmatch(JSON_PATHS, raw_path):
        return None
    path = "/" + (raw_path.lstrip("/") if _NAMELESS.search(raw_path) else raw_path.strip("/"))
    # Older discovery documents, and gsutil still, start uploads below /resumable.
    return f"/storage/v1{path}" if _BARE.match(path) else path.removeprefix("/resumable")


def may_be_in_batch(url: URL) -> bool:
    """Whether a batch may hold a request for ``url``: neither uploads nor downloads can be part of one."""
    return (json_path(url.raw_path) or "").startswith("/storage/v1/") and url.query.get("alt") != "media"


def error_style(style: ErrorStyle, request: web.Request) -> ErrorStyle:
    """The style of a request's errors: those of downloads by the JSON API are bare text."""
    path = request.rel_url.raw_path.lstrip("/")
    is_media = path.startswith("download/") or request.query.get("alt") == "media"
    return ErrorStyle.TEXT if style is ErrorStyle.STORAGE and is_media else style
