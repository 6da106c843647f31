"""Tasks that finish long-running operations, from their beginning or from this program's start."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from cloud.emulator.rest.operations import rpc_status
from cloud.engine.disk import disk_full
from cloud.errors import CloudError
from cloud.resources import Json

_log = logging.getLogger(__name__)
_TRY_AGAIN = 1.0
"""Seconds between looks whether a full disk has room again."""


class Following:
    """Use until ``close``, which leaves operations unfinished for the next start."""

    def __init__(self) -> None:
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def follow(self, name: str, work: Callable[[], Awaitable[None]], fail: Callable[[Json], object]) -> None:
        """Run ``work()`` as a task.

        Args:
            name: unique.
            work: repeated while its end cannot be written because the disk is full.
            fail: records the ``google.rpc.Status`` of any other error.
        """
        task = asyncio.create_task(_see_through(name, work, fail), name=f"following {name}")
        self._tasks[name] = task
        task.add_done_callback(lambda _: self._tasks.pop(name, None))

    async def close(self) -> None:
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _see_through(name: str, work: Callable[[], Awaitable[None]], fail: Callable[[Json], object]) -> None:
    while True:
        try:
            await _work_or_fail(name, work, fail)
        except Exception as error:
            if disk_full(error) is None:
                raise
            _log.warning("%s cannot go on: %s", name, error)
            await asyncio.sleep(_TRY_AGAIN)
        else:
            return


async def _work_or_fail(name: str, work: Callable[[], Awaitable[None]], fail: Callable[[Json], object]) -> None:
    try:
        await work()
    except CloudError as error:
        fail(rpc_status(error))
    except Exception as error:
        if disk_full(error) is not None:
            raise
        _log.exception("%s", name)
        fail(rpc_status(CloudError("Internal error encountered.")))
