"""Ctrl-C during a run on Google's cloud: the first cleans up, the second aborts."""

import asyncio
import signal
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")
_SIGNALS = (signal.SIGINT, signal.SIGTERM)
TASK_NAME = "interruptible run"
"""Of the asyncio task; an abandoned one goes on until its request ends."""


class Abandoned(Exception):
    """The run was interrupted twice."""


class Interruptible:
    """Handles SIGINT and SIGTERM: the first cancels the run, which then cleans up; the second abandons it.

    Args:
        is_cleaning_up: whether the run is cleaning up already; the first signal then does not cancel it.
        on_interrupt: called at the first signal.
    """

    def __init__(self, is_cleaning_up: Callable[[], bool], on_interrupt: Callable[[], None]) -> None:
        self._is_cleaning_up, self._on_interrupt = is_cleaning_up, on_interrupt
        self.count = 0
        """Signals received."""

    async def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run ``work`` to its result.

        Raises:
            CancelledError: it was interrupted and has ended.
            Abandoned: it was interrupted twice and still runs; a request may be in progress.
        """
        loop, interrupted_twice = asyncio.get_running_loop(), asyncio.Event()
        task = asyncio.create_task(work, name=TASK_NAME)

        def interrupt() -> None:
            self.count += 1
            if self.count == 1:
                self._on_interrupt()
                if self._is_cleaning_up():
                    return
            else:
                interrupted_twice.set()
            task.cancel()

        for number in _SIGNALS:
            loop.add_signal_handler(number, interrupt)
        second = asyncio.create_task(interrupted_twice.wait())
        try:
            await asyncio.wait([task, second], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for number in _SIGNALS:
                loop.remove_signal_handler(number)
            second.cancel()
        if not task.done():
            raise Abandoned
        return task.result()
