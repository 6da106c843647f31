"""Making a resource that two keep: the backend what there is, the records what only the API knows of it.

What the record shall hold is noted before the backend is asked (docs/decisions/0009-intents-before-resources.md): a
process that is killed in between leaves the note, and the next one writes the record from it.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import TypeVar
from weakref import WeakValueDictionary

from cloud.backends.base import Backend
from cloud.emulator.ml_v1.records import Record, Records
from cloud.errors import AlreadyExists, CloudError, NotFound
from cloud.resources import Job, Json, Model, Version

Made = TypeVar("Made", Job, Model, Version)
_log = logging.getLogger(__name__)


class Making:
    def __init__(self, backend: Backend, records: Records) -> None:
        self._backend, self._records = backend, records
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._settling: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Write the records of what an earlier process left half made, before anyone asks for it (``settled``)."""
        if self._records.intents():
            self._settling = asyncio.create_task(self._settle_all(), name="records of what was half made")

    @property
    def is_settled(self) -> bool:
        return self._settling is None or self._settling.done()

    async def settled(self) -> None:
        if self._settling is not None:
            await asyncio.shield(self._settling)

    async def close(self) -> None:
        if self._settling is not None:
            self._settling.cancel()
            await asyncio.wait([self._settling])

    async def make(
        self, name: str, fields: Mapping[str, Json], create: Callable[[], Awaitable[Made]]
    ) -> tuple[Made, Record]:
        """Have the backend make the resource ``name`` (``models/taxifare``), and write its record.

        Whoever makes one of the same name meanwhile waits for the outcome.

        Raises:
            AlreadyExists: there is one.
            CloudError: what ``create`` raises.
        """
        turn = self._turns.setdefault(name, asyncio.Lock())
        async with turn:
            # Asked before the note is written: so a note is never about a resource that somebody else has made.
            with suppress(NotFound):
                await self._settle(name)
                raise AlreadyExists(f"{name} exists already.", field="name")
            self._records.intend(name, fields)
            try:
                made = await create()
            except CloudError as error:
                if error.http_status < 500:  # otherwise it may be there all the same
                    self._records.forget_intent(name)
                raise
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

    def _written(self, name: str, made: Job | Model | Version, fields: Mapping[str, Json]) -> Record:
        record = self._records.get(name, made.create_time)
        # With a revision it was written before, and only the note was left.
        if not record.revision:
            record = self._records.change(record, fields)
        self._records.forget_intent(name)
        return record

    async def _find(self, name: str) -> Job | Model | Version:
        match name.split("/"):
            case ["jobs", job]:
                return await self._backend.get_job(job)
            case ["models", model]:
                return await self._backend.get_model(model)
            case ["models", model, "versions", version]:
                return await self._backend.get_version(model, version)
        raise ValueError(name)
