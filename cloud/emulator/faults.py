"""Fault injection: requests that fail as they do at Google, and a count that proves to a test that they did.

fault = cloud.faults.add("ml.projects.jobs.create", Cut.AFTER)
...
assert fault.fired == 1
"""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from enum import Enum
from fnmatch import fnmatchcase
from typing import Any

import orjson
from aiohttp import hdrs, web

from cloud.emulator.rest.errors import ErrorStyle, error_response
from cloud.errors import CloudError
from cloud.resources import Json


@dataclass(frozen=True, slots=True)
class Refuse:
    """The request is not handled; the response is this error."""

    error: CloudError
    retry_after: int | None = None
    """Seconds, for the header ``Retry-After`` (RFC 9110 §10.2.3)."""


class Cut(Enum):
    """The connection is aborted without a response."""

    BEFORE = "before"
    """The request is not handled."""
    AFTER = "after"
    """The request is handled. A response that is streamed, such as a large object, has been sent already."""


class Hang(Enum):
    """The request is not handled, and there is no response."""

    FOREVER = "forever"


@dataclass(frozen=True, slots=True)
class Rewrite:
    """The request is handled; the JSON of its response, if it has any, is changed."""

    change: Callable[[Json], Json]


@dataclass(frozen=True, slots=True, eq=False)
class Hold:
    """The request is handled, its response held back. From any thread: ``hold.reached.result(10)``, and
    ``hold.released.set_result(None)``."""

    reached: Future[None] = field(default_factory=Future)
    released: Future[None] = field(default_factory=Future)


Outcome = Refuse | Cut | Hang | Rewrite | Hold


class ConnectionCut(ConnectionAbortedError):
    """The connection was aborted by a fault."""


@dataclass(slots=True)
class Fault:
    """Args:
    methods: pattern of Google's method ids, such as ``storage.objects.*``; the token endpoint is ``oauth2.token``,
        the metadata server ``metadata.get``, a batch for storage ``storage.batch`` (its parts have ids of their own).
    times: how many requests fail.
    after: how many requests pass before.
    """

    methods: str
    outcome: Outcome
    times: int = 1
    after: int = 0
    fired: int = field(default=0, init=False)
    """How many requests have failed."""

    def __post_init__(self) -> None:
        if self.times < 1 or self.after < 0:
            raise ValueError(f"times is at least 1 and after not negative: {self.times}, {self.after}")


class Faults:
    """Faults that have not happened yet; ``add`` and ``clear`` may be called from any thread."""

    def __init__(self) -> None:
        self._coming: list[Fault] = []
        self._ended = asyncio.Event()

    def __bool__(self) -> bool:
        return bool(self._coming)

    def add(self, methods: str, outcome: Outcome, *, times: int = 1, after: int = 0) -> Fault:
        """See ``Fault``. Faults for the same method happen in the order in which they were added."""
        fault = Fault(methods, outcome, times, after)
        self._coming.append(fault)
        return fault

    def clear(self) -> list[Fault]:
        """Remove and return the faults that have not happened yet."""
        left, self._coming = self._coming, []
        return left

    def take(self, method_id: str) -> Outcome | None:
        """The outcome for this request, which is counted as having happened; None if no fault applies."""
        for fault in self._coming:
            if not fnmatchcase(method_id, fault.methods):
                continue
            if fault.after:
                fault.after -= 1
                continue
            fault.fired += 1
            if fault.fired == fault.times:
                self._coming.remove(fault)
            return fault.outcome
        return None

    def end(self) -> None:
        """Release all requests that ``Hang`` or ``Hold`` keep waiting."""
        self._ended.set()

    async def perform(
        self,
        outcome: Outcome,
        request: web.Request,
        answer: Callable[[], Awaitable[web.StreamResponse]],
        style: ErrorStyle,
    ) -> web.StreamResponse:
        """Apply ``outcome`` to ``request``, which ``answer`` handles.

        Raises:
            ConnectionCut: the connection was aborted.
            CloudError: as ``answer`` does.
        """
        match outcome:
            case Refuse(error, retry_after):
                refusal = error_response(error, style)
                if retry_after is not None:
                    refusal.headers["Retry-After"] = str(retry_after)
                return refusal
            case Rewrite(change):
                return _rewritten(await answer(), change)
            case Hold(reached, released):
                try:
                    return await answer()
                finally:
                    if not reached.done():
                        reached.set_result(None)
                    await self._until(asyncio.wrap_future(released))
            case Cut.AFTER:
                await answer()
            case Hang.FOREVER:
                await self._ended.wait()
            case Cut.BEFORE:
                pass
        if request.transport is not None:
            request.transport.abort()
        raise ConnectionCut

    async def _until(self, released: "asyncio.Future[None]") -> None:
        ended = asyncio.create_task(self._ended.wait())
        waiting: list[asyncio.Future[Any]] = [released, ended]
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        ended.cancel()


def _rewritten(answer: web.StreamResponse, change: Callable[[Json], Json]) -> web.Response:
    if not isinstance(answer, web.Response):
        raise TypeError("a streamed response cannot be rewritten")
    if answer.content_type == "application/json" and isinstance(answer.body, bytes):
        answer.headers.popall(hdrs.CONTENT_LENGTH, None)
        answer.body = orjson.dumps(change(orjson.loads(answer.body)))
    return answer
