"""Pages that show changes by themselves: server-sent events
(https://html.spec.whatwg.org/multipage/server-sent-events.html)."""

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing, suppress

from aiohttp import web

from cloud.console.rendering import HEADERS
from cloud.engine.notifier import Changes
from cloud.errors import InvalidArgument, NotFound

_PAUSE = 0.5
"""Seconds between two events of a list: a page that shows the second shows the first, too."""
HEARTBEAT = 20.0
"""Seconds after which something is sent to a reader to whom nothing happened: only so is it noticed that he left."""
COMMENT = b": \n\n"


class LivePages:
    """Args:
    sources: what changes, by the name of the feed.
    """

    def __init__(self, sources: Mapping[str, Sequence[Changes]]) -> None:
        self._sources = sources

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/changes", self.changes)]

    async def changes(self, request: web.Request) -> web.StreamResponse:
        """An event whenever the lists of one feed may have changed."""
        feed = request.query.get("of", "")
        if feed not in self._sources:
            raise NotFound(f"there is no feed {feed[:50]!r}")
        return await send(request, self._events(self._sources[feed]))

    async def _events(self, sources: Sequence[Changes]) -> AsyncGenerator[bytes, None]:
        while True:
            events = [source.next() for source in sources]
            yield event("changed", {})
            await asyncio.sleep(_PAUSE)
            while not await any_of(events, HEARTBEAT):
                yield COMMENT


def place_seen(request: web.Request, *, before_all: int) -> int:
    """The place of the last event that the reader has: of one that came here, else of one that was in his page.

    Args:
        before_all: the place of one who says nothing.

    Raises:
        InvalidArgument: it is no number.
    """
    text = request.headers.get("Last-Event-ID") or request.query.get("after", str(before_all))
    try:
        return int(text)
    except ValueError:
        raise InvalidArgument(f"the place of an event, not {text[:50]!r}", field="after") from None


async def send(request: web.Request, parts: AsyncGenerator[bytes, None]) -> web.StreamResponse:
    """A stream of events until they end or the reader leaves."""
    response = web.StreamResponse(headers={**HEADERS, "Content-Type": "text/event-stream"})
    await response.prepare(request)
    with suppress(ConnectionResetError):  # the reader has left
        async with aclosing(parts):
            async for part in parts:
                await response.write(part)
    return response


def event(name: str, value: object, identity: int | None = None) -> bytes:
    """One event with a JSON value.

    Args:
        identity: that the reader sends back when he connects again.
    """
    head = f"id: {identity}\n" if identity is not None else ""
    return f"{head}event: {name}\ndata: {json.dumps(value)}\n\n".encode()


async def any_of(events: Sequence[asyncio.Event], timeout: float | None = None) -> bool:
    """Whether one of ``events`` was set within ``timeout`` seconds."""
    if len(events) == 1:  # most are, of many readers at once
        try:
            async with asyncio.timeout(timeout):
                return await events[0].wait()
        except TimeoutError:
            return False
    tasks = [asyncio.ensure_future(each.wait()) for each in events]
    try:
        done, _ = await asyncio.wait(tasks, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
    return bool(done)
