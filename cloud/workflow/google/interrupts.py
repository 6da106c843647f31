"""Ctrl-C, once and twice, where what was made bills."""

import asyncio
import signal
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Abandoned(Exception):
    """Interrupted twice."""


class Interruptible:
    """Ctrl-C and SIGTERM: the first has the run clean up, the second does not wait for that.

    Args:
        is_ending: whether the run cleans up already, which the first one is not to break off.
        told: called at the first one.
    """

    def __init__(self, is_ending: Callable[[], bool], told: Callable[[], None]) -> None:
        self._is_ending, self._told = is_ending, told
        self.count = 0

    async def through(self, work: Coroutine[Any, Any, T]) -> T:
        """What ``work`` gives.

        Raises:
            CancelledError: it was interrupted, and came to its end.
            Abandoned: it was interrupted again before that; a request of it may be under way.
        """
        loop, again = asyncio.get_running_loop(), asyncio.Event()
        task = asyncio.create_task(work)

        def interrupt() -> None:
            self.count += 1
            if self.count == 1:
                self._told()
                if self._is_ending():
                    return
            else:
                again.set()
            task.cancel()

        for number in _SIGNALS:
            loop.add_signal_handler(number, interrupt)
        second = asyncio.create_task(again.wait())
        try:
            await asyncio.wait([task, second], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for number in _SIGNALS:
                loop.remove_signal_handler(number)
            second.cancel()
        if not task.done():
            raise Abandoned
        return task.result()
