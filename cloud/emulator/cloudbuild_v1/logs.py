"""Logs of builds: a file each, in the form in which Google writes them; and Google's own bucket, where clients read
those of builds that name no other one.
"""

import asyncio
import re
import threading
from pathlib import Path

from aiohttp import hdrs, web

from cloud.backends.base import Backend
from cloud.emulator.cloudbuild_v1.addresses import logs_bucket
from cloud.emulator.rest.api import Api
from cloud.emulator.rest.call import require_credential
from cloud.engine.principal import Principal
from cloud.errors import CloudError, InvalidArgument, NotFound, PermissionDenied
from cloud.names import GsUri

MOST_BYTES = 16 * 2**20
"""Of one log: what a build writes beyond is left out."""
_CUT = "the log is longer than is kept here: what follows is left out"
_TEXT = "text/plain"
_OBJECT = re.compile(r"/[^/]+/log-(?P<id>[0-9a-f-]{36})\.txt")
_RANGE = re.compile(r"bytes=(\d+)-(\d*)")
_EACH = 1.0
"""Seconds between two copies of a growing log to its bucket."""
PERMISSION = "cloudbuild.builds.get"


def object_name(build: str) -> str:
    """Of the log of the build with this id."""
    return f"log-{build}.txt"


class BuildLog:
    """The log of a build under way. Lines may come from any thread."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._size = path.stat().st_size if path.exists() else 0
        self._prefix = ""

    def write(self, text: str) -> None:
        """One line or several."""
        with self._lock:
            if self._size >= MOST_BYTES:
                return
            lines = "".join(f"{self._prefix}{line}\n" for line in text.splitlines() or [""])
            content = lines.encode(errors="replace")
            if self._size + len(content) >= MOST_BYTES:
                content = f"{_CUT}\n".encode()
                self._size = MOST_BYTES
            with self.path.open("ab") as file:
                file.write(content)
            self._size += len(content)

    def within(self, prefix: str) -> None:
        """Lines begin with ``prefix`` from now on."""
        self._prefix = prefix


class BucketCopy:
    """Copies a growing log to the bucket that its build names."""

    def __init__(self, backend: Backend, log: Path, uri: GsUri) -> None:
        self._backend, self._log, self._uri = backend, log, uri
        self._copied = -1

    async def follow(self) -> None:
        """Until cancelled."""
        while True:
            await self.copy()
            await asyncio.sleep(_EACH)

    async def copy(self) -> None:
        """Raises:
        CloudError: the bucket cannot be written.
        """
        content = await asyncio.to_thread(self._log.read_bytes)
        if len(content) != self._copied:
            await self._backend.write_object(self._uri, content, content_type=_TEXT)
            self._copied = len(content)


class LogsBucket:
    """Google's bucket with the logs of builds, read by its XML API: an ``EmulatedApi``.

    Args:
        folder: with the logs.
        api: says who may read them.
    """

    def __init__(self, folder: Path, number: int, api: Api) -> None:
        self._folder, self._name, self._api = folder, logs_bucket(number), api

    def method_id(self, _: web.Request) -> str:
        return "storage.objects.get"

    async def handle(self, request: web.Request, principal: Principal) -> web.StreamResponse:
        """Raises:
        NotFound: there is no such log.
        PermissionDenied: the caller may not read it.
        """
        require_credential(principal)
        if not self._api.allows(principal, PERMISSION):
            raise PermissionDenied(f"{principal.email} does not have {PERMISSION} in this project.")
        found = _OBJECT.fullmatch(request.path)
        path = self._folder / object_name(found["id"]) if found else None
        if request.method not in (hdrs.METH_GET, hdrs.METH_HEAD):
            raise PermissionDenied(f"The bucket {self._name} is Google's, and can only be read.")
        if path is None or not path.is_file():
            raise NotFound(f"No such object: {self._name}{request.path[:200]}")
        return _response(await asyncio.to_thread(path.read_bytes), request.headers.get(hdrs.RANGE, ""))


def _response(content: bytes, wanted: str) -> web.Response:
    found = _RANGE.fullmatch(wanted)
    if found is None:
        return web.Response(body=content, content_type=_TEXT)
    first = int(found[1])
    last = min(int(found[2] or len(content) - 1), len(content) - 1)
    if first > last:
        headers = {hdrs.CONTENT_RANGE: f"bytes */{len(content)}"}
        return web.Response(status=416, headers=headers, content_type=_TEXT)
    headers = {hdrs.CONTENT_RANGE: f"bytes {first}-{last}/{len(content)}"}
    return web.Response(status=206, body=content[first : last + 1], headers=headers, content_type=_TEXT)


def log_uri(bucket: str, build: str) -> GsUri:
    """Where a build's log is in the bucket, or the folder of it, that a request names.

    Raises:
        InvalidArgument: it is no bucket.
    """
    try:
        return GsUri.parse(bucket if bucket.startswith("gs://") else f"gs://{bucket}") / object_name(build)
    except CloudError as error:
        raise InvalidArgument(f"invalid bucket {bucket[:200]!r}: {error.message}", field="build.logs_bucket") from None
