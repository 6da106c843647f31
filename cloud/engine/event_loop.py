"""The event loop of programs that serve: uvloop's, which takes a third less of a processor for the same requests."""

import asyncio
import gc
import sys
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def new_event_loop() -> asyncio.AbstractEventLoop:
    """A loop that is not running. On Windows, which uvloop lacks, asyncio's own."""
    if sys.platform == "win32":
        return asyncio.new_event_loop()
    import uvloop

    return uvloop.new_event_loop()


def run(work: Coroutine[Any, Any, T]) -> T:
    """``asyncio.run`` on such a loop, in a program that is there for nothing else."""
    # Requests under way are more objects than the 700 after which Python looks for cycles, and now and then among all
    # there are: a tenth of the processor's time, for nothing.
    gc.set_threshold(10_000)
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        return runner.run(work)
