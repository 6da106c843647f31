"""The curves of a job: the scalars that its trainer writes for TensorBoard below the job's folder, and its trials'."""

import asyncio
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from cloud.console.chart import Chart, Point, Series, draw, thinned
from cloud.engine.principal import Principal
from cloud.engine.storage.listing import ListQuery
from cloud.engine.storage.objects import Objects
from cloud.engine.storage.records import ObjectRecord
from cloud.engine.tuning.metrics import Reported, read_events
from cloud.errors import CloudError
from cloud.names import GsUri
from cloud.resources import JobSpec, TrainingSpec
from cloud.resources.trials import Trial
from cloud.resources.tuning import TuningSpec

_MOST_OBJECTS = 5000
"""That are looked through for event files."""
_LARGEST_PIECE = 16 << 20
"""Bytes that are read of a file at a time."""
_MOST_POINTS = 5000
"""That are kept of a series."""
_MOST_CHARTS, _MOST_SERIES = 12, 8
_LATER = ("eval", "valid", "test")
"""In names of runs that are shown after the training's."""
_ABOUT_SPEED = ("sec", "time", "per_second", "learning_rate")


def metrics_folder(spec: JobSpec) -> GsUri | None:
    """Where a training job's event files are; None if it has no folder, or no files that are read here."""
    if not isinstance(spec, TrainingSpec):
        return None
    folder = spec.job_dir or spec.base_output_directory
    return folder.as_folder() if folder else None


class EventFiles:
    """The scalars in the event files below one folder; each call of ``read`` reads what was added.

    Args:
        owner: who lists and reads.
        since: what is older was written by an earlier job with the same folder.
    """

    def __init__(self, objects: Objects, owner: Principal, folder: GsUri, since: datetime) -> None:
        self._objects, self._owner, self._folder, self._since = objects, owner, folder, since
        self._read: dict[str, tuple[int, int]] = {}
        """By object: the generation that was read, and how much of it."""
        self._values: dict[tuple[str, str], dict[int, Reported]] = defaultdict(dict)
        """By tag and run: the latest report of each step."""

    async def read(self, until: datetime | None = None) -> None:
        """Read what was added.

        Args:
            until: what is newer was written by a later job with the same folder.
        """
        latest = until.timestamp() if until else math.inf
        for record in self._files():
            generation, position = self._read.get(record.name, (0, 0))
            if record.generation == generation:
                continue
            if record.size < position:
                position = 0  # another file of that name
            await self._read_on(record, position, latest)

    def charts(self) -> list[Chart]:
        """By tag; those of the losses and metrics first."""
        by_tag: dict[str, list[Series]] = defaultdict(list)
        for tag, run in sorted(self._values, key=lambda pair: (pair[0], any(w in pair[1] for w in _LATER), pair[1])):
            values = self._values[tag, run]
            by_tag[tag].append(Series(run, [(float(step), values[step].value) for step in sorted(values)]))
        tags = sorted(by_tag, key=lambda tag: (any(word in tag for word in _ABOUT_SPEED), "loss" not in tag, tag))
        return [draw(tag, by_tag[tag][:_MOST_SERIES]) for tag in tags[:_MOST_CHARTS]]

    def _files(self) -> Iterable[ObjectRecord]:
        token, seen = "", 0
        while seen < _MOST_OBJECTS:
            query = ListQuery(prefix=self._folder.path, page_token=token)
            try:
                page = self._objects.list_page(self._owner, self._folder.bucket, query)
            except CloudError:
                return  # the bucket is gone
            seen += len(page.items)
            for record in page.items:
                if ".tfevents." in record.name.rpartition("/")[2] and record.update_time >= self._since:
                    yield record
            token = page.next_page_token
            if not token:
                return

    async def _read_on(self, record: ObjectRecord, position: int, latest: float) -> None:
        while position < record.size:
            part = bytearray()
            try:
                async with self._objects.read(record, range(position, min(record.size, position + _LARGEST_PIECE))) as (
                    blocks
                ):
                    async for block in blocks:
                        part += block
            except CloudError:
                return  # it was replaced meanwhile, which is the next change
            reported, length = await asyncio.to_thread(read_events, bytes(part))
            self._add(record, reported, latest)
            position += length
            if not length:
                break
        self._read[record.name] = record.generation, position

    def _add(self, record: ObjectRecord, reported: Iterable[Reported], latest: float) -> None:
        run = record.name.removeprefix(self._folder.path).rpartition("/")[0]
        earliest = self._since.timestamp()
        for each in reported:
            if earliest <= each.time <= latest:
                self._values[each.name, run][each.step] = each
        for values in self._values.values():
            if len(values) > _MOST_POINTS:
                kept = {step for step, _ in thinned([(float(s), values[s].value) for s in sorted(values)], 1000)}
                for step in [step for step in values if float(step) not in kept]:
                    del values[step]


def trial_charts(spec: TuningSpec, trials: Sequence[Trial]) -> list[Chart]:
    """A chart of each metric, with a line for each trial; of many, the best ones."""
    found = []
    for metric in spec.metrics:
        lines = [
            Series(trial.trial_id, points)
            for trial in best_first(spec, trials)
            if (points := _points(trial, metric.name))
        ]
        if any(len(line.points) > 1 for line in lines):  # the table has the rest
            found.append(draw(metric.name, lines[:_MOST_SERIES]))
    return found


def _points(trial: Trial, name: str) -> list[Point]:
    return [(float(each.step), each.metrics[name]) for each in trial.measurements if name in each.metrics]


def best_first(spec: TuningSpec, trials: Sequence[Trial]) -> list[Trial]:
    """Trials by the job's first metric; those without a result last, in their order."""
    metric = spec.metrics[0]
    sign = 1.0 if metric.goal == "MINIMIZE" else -1.0

    def key(trial: Trial) -> tuple[bool, float]:
        values: Mapping[str, float] = trial.final.metrics if trial.final else {}
        return metric.name not in values, sign * values.get(metric.name, 0.0)

    return sorted(trials, key=key)
