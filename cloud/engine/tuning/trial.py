"""``RunningTrial``: one trial while it runs, as a part of its job."""

import asyncio
import logging
import os
import stat
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cloud.engine.jobs.execution import Execution
from cloud.engine.tuning.metrics import Reported, read_hypertune, read_summaries
from cloud.errors import CloudError
from cloud.lifecycle import JobEvent, JobState
from cloud.names import GsUri
from cloud.resources import StoredObject
from cloud.resources.trials import Value

_POLL = 2.0
"""Seconds between looks at what a trial reported. There is no event for a file or an object that changes."""
_LARGEST_FILE = 1 << 20
"""Bytes: cloudml-hypertune keeps 100 lines."""
_LARGEST_SUMMARIES = 64 << 20
"""Bytes of one event file; of larger ones nothing is read."""


@dataclass(frozen=True, slots=True)
class Summaries:
    """Where a trial's summaries are, and how to read them as the account of its job."""

    folder: GsUri
    list_objects: Callable[[GsUri], Awaitable[Sequence[StoredObject]]]
    read_object: Callable[[GsUri], Awaitable[bytes]]


@dataclass(eq=False, slots=True)
class RunningTrial:
    """See ``Part``. Its parameters are suggested when it starts.

    Args:
        suggest: gives its parameters.
        execute: makes its execution.
        on_report: called when more was reported.
        forward: called with each event of the execution.
    """

    number: int
    names: Sequence[str]
    """Of the metrics."""
    suggest: Callable[[], Awaitable[dict[str, Value]]]
    execute: Callable[["RunningTrial", dict[str, Value]], tuple[Execution, Summaries | None]]
    on_report: Callable[["RunningTrial"], None]
    forward: Callable[["RunningTrial", JobEvent, str], None]
    state: JobState = JobState.QUEUED
    stops_early: bool = False
    has_ended: bool = False
    """Its processes have, whether its execution reported that or not yet."""
    _by_client: dict[tuple[str, int], Reported] = field(default_factory=dict)
    """What cloudml-hypertune reported, by metric and step: its file forgets."""
    _by_summaries: dict[tuple[str, int], Reported] = field(default_factory=dict)
    _execution: Execution | None = None
    _summaries: Summaries | None = None
    _read: dict[GsUri, int] = field(default_factory=dict)
    """Generations of the event files that were read."""
    _watch: asyncio.Task[None] | None = None
    _is_cancelled: bool = False

    def cancel(self) -> None:
        self._is_cancelled = True
        if self._execution is not None:
            self._execution.cancel()

    async def run(self) -> None:
        try:
            parameters = await self.suggest()
            self._execution, self._summaries = self.execute(self, parameters)
        except Exception as error:
            logging.getLogger(__name__).exception("trial %s", self.number)
            event = JobEvent.STOPPED if self._is_cancelled else JobEvent.FAILED
            self.forward(self, event, f"Internal error encountered. ({type(error).__name__}: {error})")
            return
        if self._is_cancelled:
            self._execution.cancel()
        await self._execution.run()

    def report(self, _: object, event: JobEvent, message: str) -> None:
        """What the execution reports."""
        if event is JobEvent.STARTED:
            self._watch = asyncio.create_task(self._follow())
        self.forward(self, event, message)

    @property
    def reported(self) -> list[Reported]:
        """Summaries of a metric count if the client reported none of it."""
        names = {name for name, _ in self._by_client}
        return [*self._by_client.values(), *(each for each in self._by_summaries.values() if each.name not in names)]

    async def read_last(self) -> None:
        """Read what was reported when no process of the trial is left, and before its folder is removed."""
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.gather(self._watch, return_exceptions=True)
        self.has_ended = True
        if not self._is_cancelled or self.stops_early:
            await self._look()

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(_POLL)
            await self._look()

    async def _look(self) -> None:
        assert self._execution is not None  # noqa: S101 - it reported
        before = self.reported
        for content in await asyncio.to_thread(_metric_files, self._execution.folder, "output.metrics"):
            _add(self._by_client, read_hypertune(content, self.names))
        for content in await asyncio.to_thread(_metric_files, self._execution.folder, "summaries.metrics"):
            _add(self._by_summaries, read_hypertune(content, self.names))
        try:
            await self._look_at_summaries()
        except CloudError as error:
            logging.getLogger(__name__).info("summaries of trial %s: %s", self.number, error)
        except Exception:  # the trial has to end, whatever is wrong with its files
            logging.getLogger(__name__).exception("summaries of trial %s", self.number)
        if self.reported != before:
            self.on_report(self)

    async def _look_at_summaries(self) -> None:
        if self._summaries is None:
            return
        for found in await self._summaries.list_objects(self._summaries.folder.as_folder()):
            is_events = ".tfevents." in found.uri.name and found.size <= _LARGEST_SUMMARIES
            if is_events and self._read.get(found.uri) != found.generation:
                content = await self._summaries.read_object(found.uri)
                _add(self._by_summaries, await asyncio.to_thread(read_summaries, content, self.names))
                self._read[found.uri] = found.generation


def _add(held: dict[tuple[str, int], Reported], found: Sequence[Reported]) -> None:
    """Of one metric and step the latest report counts."""
    for each in found:
        known = held.get((each.name, each.step))
        if known is None or known.time <= each.time:
            held[each.name, each.step] = each


def _metric_files(folder: Path, name: str) -> list[bytes]:
    """That metric file of each replica. Trainers write them: what is no plain file is not opened."""
    found = []
    for path in sorted(folder.glob(f"*/hypertune/{name}")):
        try:
            file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            continue
        with os.fdopen(file, "rb") as content:
            if stat.S_ISREG(os.fstat(file).st_mode):
                found.append(content.read(_LARGEST_FILE))
    return found
