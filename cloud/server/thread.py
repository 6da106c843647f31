"""``BackgroundCloud``: a local cloud in a thread of its own, for programs that block.

Google's clients and most tests are not asynchronous: while they wait for a response, they would block an event loop in
their thread.
"""

import asyncio
import functools
import inspect
import logging
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from concurrent.futures import Future
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast

from cloud.engine.event_loop import new_event_loop
from cloud.server.local import LocalCloud
from cloud.settings import Settings

if TYPE_CHECKING:
    from aiohttp.web import RouteDef

    from cloud.backends.base import Backend
    from cloud.console.server import ConsoleServer
    from cloud.emulator.faults import Faults
    from cloud.engine.jobs.preemptions import Preemptions
    from cloud.gateway.listener import Refusal

T = TypeVar("T")


class BackgroundCloud:
    """Use as a context manager, from any thread; on exit every process of the cloud has ended.

    Raises:
        FailedPrecondition: on entering, if the state folder, the port or fake-gcs-server cannot be used.
    """

    backend: "Backend"
    """Await its methods in any event loop, or pass them to ``run``. It calls callbacks in the cloud's thread."""
    environ: dict[str, str]
    """The variables that make any program use this cloud as its owner."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._cloud = LocalCloud(settings, launcher_first=False)
        self._loop = new_event_loop()
        self._thread = threading.Thread(target=self._run_loop, name="local cloud")

    def __enter__(self) -> Self:
        self._thread.start()
        try:
            self.run(self._cloud.__aenter__())
            try:
                self.environ = self.run(self._cloud.owner_environ())
            except BaseException:
                self.run(self._cloud.__aexit__(None, None, None))
                raise
        except BaseException:
            self._end_thread()
            raise
        for notice in self.run(self._cloud.notices()).unexpected:
            logging.getLogger(__name__).warning("%s", notice)
        self.backend = cast("Backend", _LoopProxy(self._cloud.backend, self._loop))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.run(self._cloud.__aexit__(kind, error, trace))
        finally:
            self._end_thread()

    @property
    def project(self) -> str:
        return self.settings.project

    @property
    def region(self) -> str:
        return self.settings.region

    @property
    def url(self) -> str:
        """``http://127.0.0.1:PORT`` of the gateway."""
        return self._cloud.url

    @property
    def state_dir(self) -> Path:
        return self._cloud.state_dir

    @property
    def refusals(self) -> "list[Refusal]":
        """Requests for hosts and methods that are not emulated."""
        return self._cloud.refusals

    @property
    def faults(self) -> "Faults":
        """Faults to inject, by method."""
        return self._cloud.faults

    @property
    def preemptions(self) -> "Preemptions":
        """Replicas of jobs to take away while they run."""
        return self._cloud.preemptions

    def start_console(self, pages: "Iterable[RouteDef]" = ()) -> "ConsoleServer":
        """See ``LocalCloud.start_console``."""
        return self.run(self._cloud.start_console(pages))

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run ``work`` in the cloud's event loop and wait for its result. Must not be called from that loop."""
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def _run_loop(self) -> None:
        # The loop is shut down in this thread: the caller's thread may run a loop of its own, as in a notebook.
        with closing(self._loop) as loop:
            loop.run_forever()
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.run_until_complete(loop.shutdown_default_executor())

    def _end_thread(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()


class _LoopProxy:
    """Wraps an object: its coroutine methods and async iterators run in one event loop and can be awaited in any."""

    def __init__(self, target: object, loop: asyncio.AbstractEventLoop) -> None:
        self._target = target
        self._loop = loop

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._target, name)
        if not inspect.ismethod(attribute):
            return attribute
        if inspect.iscoroutinefunction(attribute):
            return functools.wraps(attribute)(functools.partial(self._call, attribute))
        return functools.wraps(attribute)(functools.partial(self._iterate, attribute))

    async def _call(self, method: Callable[..., Coroutine[Any, Any, Any]], *args: Any, **options: Any) -> Any:
        return await _awaited(asyncio.run_coroutine_threadsafe(method(*args, **options), self._loop))

    async def _iterate(self, method: Callable[..., AsyncIterator[Any]], *args: Any) -> AsyncIterator[Any]:
        async def next_item() -> tuple[Any, ...]:
            async for item in items:
                return (item,)
            return ()

        items = method(*args)
        while fetched := await _awaited(asyncio.run_coroutine_threadsafe(next_item(), self._loop)):
            yield fetched[0]


async def _awaited(future: "Future[Any]") -> Any:
    return await asyncio.wrap_future(future)
