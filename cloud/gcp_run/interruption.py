"""Ctrl-C, once and twice, where what was made bills."""

import asyncio
import signal
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Abandoned(Exception):
    """Interrupted twice."""


async def until_interrupted_twice(work: Coroutine[Any, Any, T], told: Callable[[], None]) -> T:
    """What ``work`` gives. The first Ctrl-C or SIGTERM cancels it, so that it cleans up; the second one does not wait.

    Args:
        told: called at the first one.

    Raises:
        CancelledError: it was interrupted, and came to its end.
        Abandoned: it was interrupted again before that; a request of it may be under way.
    """
    loop, again = asyncio.get_running_loop(), asyncio.Event()
    task = asyncio.create_task(work)

    def interrupt() -> None:
        if task.cancelling():
            again.set()
        else:
            told()
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
