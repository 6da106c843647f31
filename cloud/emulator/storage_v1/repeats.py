"""Requests that are sent again because their answer was lost: they get the answer of the first.

Clients give each change a token of its own, ``X-Goog-Gcs-Idempotency-Token``, and repeat it with the request: without
it, a repeated upload that must not overwrite (``ifGenerationMatch=0``) would fail by what it itself had done. Chunks of
a resumable upload need none of this: their offsets say what was received.
"""

import asyncio
import hashlib
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import hdrs, web

from cloud.engine.principal import Principal
from cloud.errors import CloudError

TOKEN = "X-Goog-Gcs-Idempotency-Token"  # noqa: S105 - the name of a header
LIFETIME = 120.0
"""Seconds for which an answer is given again, as by Google."""
MOST_BYTES = 4 << 20
"""Of all the answers that are kept: the oldest go first."""
LONGEST = 64 << 10
"""Bytes of an answer that is kept."""
_READS = frozenset({hdrs.METH_GET, hdrs.METH_HEAD})
_OVERHEAD = 1 << 10
"""Bytes that an answer needs beside its body, roughly."""


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    reason: str | None
    headers: tuple[tuple[str, str], ...]
    body: bytes
    since: float

    def response(self) -> web.Response:
        return web.Response(status=self.status, reason=self.reason, headers=self.headers, body=self.body)


class Repeats:
    """Keeps the answers of the latest changes, in bounded memory.

    Args:
        clock: seconds that never go back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._kept: OrderedDict[bytes, _Answer] = OrderedDict()
        self._bytes = 0
        self._running: dict[bytes, asyncio.Future[web.Response | CloudError | None]] = {}

    async def answer(
        self, request: web.Request, principal: Principal, perform: Callable[[], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        """``perform()``, or what that gave when the same principal sent the same request with the same token before.

        Raises:
            CloudError: what ``perform`` raises, or raises for a first request that is still being served.
        """
        key = _key(request, principal)
        if key is None:
            return await perform()
        while (running := self._running.get(key)) is not None:
            # If the first fails for want of its body, or for a reason that may pass, this one takes its place.
            outcome = await asyncio.shield(running)
            if isinstance(outcome, CloudError):
                raise outcome
            if outcome is not None:
                await _discard(request)
                return self._answer(outcome).response()
        self._forget()
        if kept := self._kept.get(key):
            await _discard(request)
            return kept.response()
        return await self._first(key, request, perform)

    async def _first(
        self, key: bytes, request: web.Request, perform: Callable[[], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        running = self._running[key] = asyncio.get_running_loop().create_future()
        outcome: web.Response | CloudError | None = None
        try:
            response = await perform()
            if isinstance(response, web.Response) and response.status < 300:
                outcome = response
                self._keep(key, self._answer(response))
            return response
        except CloudError as error:
            is_final = error.http_status < 500 and error.http_status not in (408, 429)
            if is_final and request.content.exception() is None:
                outcome = error
            raise
        finally:
            del self._running[key]
            running.set_result(outcome)

    def _answer(self, response: web.Response) -> _Answer:
        headers = tuple((name, value) for name, value in response.headers.items() if name != hdrs.CONTENT_LENGTH)
        body = response.body if isinstance(response.body, bytes) else b""
        return _Answer(response.status, response.reason, headers, body, self._clock())

    def _keep(self, key: bytes, answer: _Answer) -> None:
        if len(answer.body) > LONGEST:
            return
        self._kept[key] = answer
        self._bytes += len(answer.body) + _OVERHEAD
        self._forget()

    def _forget(self) -> None:
        while self._kept:
            key, oldest = next(iter(self._kept.items()))
            if self._bytes <= MOST_BYTES and self._clock() - oldest.since < LIFETIME:
                return
            del self._kept[key]
            self._bytes -= len(oldest.body) + _OVERHEAD


def _key(request: web.Request, principal: Principal) -> bytes | None:
    token = request.headers.get(TOKEN)
    if not token or request.method in _READS or "upload_id" in request.query:
        return None
    parts = (repr(principal), request.method, str(request.rel_url), token)
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogateescape")).digest()


async def _discard(request: web.Request) -> None:
    async for _ in request.content.iter_any():
        pass
