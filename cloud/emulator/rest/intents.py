"""Creating a resource that is kept in two places: the backend has it, and the API's record has the rest of its fields.

The future record is written as an intent before the backend is called: after a kill in between, the next process
completes the record from it (docs/decisions/0009-intents-before-resources.md).
"""

import asyncio
import logging
import sqlite3
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Protocol, TypeVar

from cloud.emulator.rest.records import Record, Records
from cloud.engine.locks import Locks
from cloud.errors import AlreadyExists, CloudError, NotFound
from cloud.resources import Json


class Resource(Protocol):
    """Of the backend."""

    @property
    def create_time(self) -> datetime | None: ...


T = TypeVar("T")
Made = TypeVar("Made", bound=Resource)
_log = logging.getLogger(__name__)


async def make_noted(
    create: Callable[[], Awaitable[T]], *, undo: Callable[[], None], settle: Callable[[], None] = lambda: None
) -> T:
    """Call ``create`` for a resource that was recorded before.

    Args:
        undo: removes the record, after the backend refused, for example with a full disk.
        settle: called after any other error, when the resource may exist all the same, and if ``undo`` fails.

    Raises:
        Exception: what ``create`` raises.
    """
    try:
        return await create()
    except CloudError as error:
        if error.http_status >= 500 or not _undone(undo):
            settle()
        raise
    except Exception:
        settle()
        raise


def _undone(undo: Callable[[], None]) -> bool:
    try:
        undo()
    except sqlite3.OperationalError as error:
        _log.warning("what was refused cannot be forgotten yet: %s", error)
        return False
    return True


class Intents:
    """
    Args:
        find: the backend's resource of a name (``models/taxifare``); raises NotFound.
    """

    def __init__(self, records: Records, locks: Locks, find: Callable[[str], Awaitable[Resource]]) -> None:
        self._records, self._locks, self._find = records, locks, find
        self._settling: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Complete the records of an earlier process; requests wait for that (``settled``)."""
        if self._records.intents():
            self._settling = asyncio.create_task(self._settle_all(), name="complete records")

    async def settled(self) -> None:
        if self._settling is not None and not self._settling.done():
            await asyncio.shield(self._settling)

    async def close(self) -> None:
        if self._settling is not None:
            self._settling.cancel()
            await asyncio.wait([self._settling])

    async def make(
        self, name: str, fields: Mapping[str, Json], create: Callable[[], Awaitable[Made]]
    ) -> tuple[Made, Record]:
        """Create the resource ``name`` and its record, one of the same name at a time.

        Raises:
            AlreadyExists: there is one.
            CloudError: what ``create`` raises.
        """
        async with self._locks.of(name):
            # Looked for before the intent is written: an intent is never about a resource of other origin.
            with suppress(NotFound):
                await self._settle(name)
                raise AlreadyExists(f"{name} exists already.", field="name")
            self._records.intend(name, fields)
            made = await make_noted(create, undo=lambda: self._records.forget_intent(name))
            return made, self._written(name, made, fields)

    async def _settle_all(self) -> None:
        for name in self._records.intents():
            try:
                await self._settle(name)
            except NotFound:
                self._records.forget_intent(name)
            except CloudError as error:
                _log.warning("%s may lack labels and other settings until the next start: %s", name, error)

    async def _settle(self, name: str) -> None:
        """Raises:
        NotFound: the backend has no such resource.
        """
        found = await self._find(name)
        fields = self._records.intents().get(name)
        if fields is not None:
            self._written(name, found, fields)

    def _written(self, name: str, made: Resource, fields: Mapping[str, Json]) -> Record:
        record = self._records.of(name, made.create_time)
        # With a revision it was written before, and only the intent was left.
        if not record.revision:
            record = self._records.change(record, fields)
        self._records.forget_intent(name)
        return record
