"""Curves are read from event files as they grow; each job sees what itself wrote."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import cast

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.compat.proto.tensor_pb2 import TensorProto

from cloud.console.curves import EventFiles, best_first, metrics_folder, trial_charts
from cloud.engine.principal import Principal
from cloud.engine.storage.listing import ListQuery, Page, list_page
from cloud.engine.storage.objects import Objects
from cloud.engine.storage.records import ObjectRecord
from cloud.errors import NotFound
from cloud.lifecycle import JobState
from cloud.names import GsUri
from cloud.resources import TrainingSpec
from cloud.resources.trials import Goal, Measurement, Metric, Parameter, ParameterType, Trial
from cloud.resources.tuning import TuningSpec
from cloud.wire.tf_records import write_record

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
FOLDER = GsUri("bucket", "jobs/one/")


class StoredFiles:
    """Objects in memory, with a record of what was read of them."""

    def __init__(self) -> None:
        self.content: dict[str, bytes] = {}
        self.read_bytes = 0

    def put(self, name: str, content: bytes) -> None:
        self.content[f"jobs/one/{name}"] = content

    def list_page(self, _: Principal, bucket: str, query: ListQuery) -> Page[ObjectRecord]:
        if bucket != "bucket":
            raise NotFound("no such bucket")
        records = [
            ObjectRecord("bucket", name, "", len(content), len(content), None, "", "", NOON, NOON, {})
            for name, content in sorted(self.content.items())
        ]
        return list_page(lambda start: iter([each for each in records if each.name >= start]), query)

    @asynccontextmanager
    async def read(self, record: ObjectRecord, span: range) -> AsyncIterator[AsyncIterator[bytes]]:
        async def blocks() -> AsyncIterator[bytes]:
            self.read_bytes += len(span)
            yield self.content[record.name][span.start : span.stop]

        yield blocks()


def scalars(*values: float, tag: str = "loss", first: int = 1, moment: datetime = NOON) -> bytes:
    return b"".join(
        write_record(
            Event(
                wall_time=moment.timestamp() + number,
                step=first + number,
                summary=Summary(value=[Summary.Value(tag=tag, simple_value=value)]),
            ).SerializeToString()
        )
        for number, value in enumerate(values)
    )


def files(stored: StoredFiles, folder: GsUri = FOLDER) -> EventFiles:
    return EventFiles(cast(Objects, stored), Principal("owner@example.com"), folder, NOON)


async def test_runs_are_the_lines_of_a_tags_chart() -> None:
    stored = StoredFiles()
    stored.put("eval/events.out.tfevents.1.host", scalars(0.5))
    stored.put("train/events.out.tfevents.1.host", scalars(0.75, 0.25) + scalars(9, tag="steps_per_sec"))
    stored.put("train/checkpoint", b"x")
    found = files(stored)
    await found.read()
    loss, speed = found.charts()
    assert [(line.name, line.last, line.step) for line in loss.lines] == [("train", "0.25", "2"), ("eval", "0.5", "1")]
    assert (loss.title, speed.title) == ("loss", "steps_per_sec")


async def test_only_what_was_added_to_a_file_is_read() -> None:
    stored, name = StoredFiles(), "events.out.tfevents.1.host"
    first, second = scalars(0.5, 0.25), scalars(0.125, first=3)
    stored.put(name, first + second[:-3])
    found = files(stored)
    await found.read()
    before = stored.read_bytes
    await found.read()
    assert stored.read_bytes == before, "nothing was added"
    stored.put(name, first + second)
    await found.read()
    assert stored.read_bytes == before + len(second)
    assert [line.last for chart in found.charts() for line in chart.lines] == ["0.125"]


async def test_other_jobs_with_the_same_folder_are_left_out() -> None:
    stored = StoredFiles()
    stored.put("events.out.tfevents.1.a", scalars(7.0, moment=NOON - timedelta(hours=1), first=900))
    stored.put("events.out.tfevents.2.b", scalars(0.5))
    stored.put("events.out.tfevents.3.c", scalars(8.0, moment=NOON + timedelta(hours=1), first=900))
    found = files(stored)
    await found.read(NOON + timedelta(minutes=1))
    assert [(line.last, line.step) for chart in found.charts() for line in chart.lines] == [("0.5", "1")]


async def test_texts_and_graphs_between_the_scalars_are_passed_over() -> None:
    graph = TensorProto(dtype=7, tensor_shape={"dim": []}, string_val=[b"graph"])  # type: ignore[arg-type]
    value = Summary.Value(tag="keras", tensor=graph)
    keras = write_record(Event(wall_time=NOON.timestamp(), summary=Summary(value=[value])).SerializeToString())
    stored = StoredFiles()
    stored.put("train/events.out.tfevents.1.host", keras + scalars(0.5, tag="epoch_loss"))
    found = files(stored)
    await found.read()
    assert [chart.title for chart in found.charts()] == ["epoch_loss"]


async def test_a_bucket_that_is_gone_has_no_curves() -> None:
    found = files(StoredFiles(), GsUri("gone", "jobs/one/"))
    await found.read()
    assert found.charts() == []


TRAINING = TrainingSpec("job", (GsUri("bucket", "a.tar.gz"),), "trainer.task")


def test_the_folder_is_the_jobs_or_vertex_ais_base_directory() -> None:
    assert metrics_folder(TRAINING) is None
    assert metrics_folder(replace(TRAINING, job_dir=GsUri("bucket", "x"))) == GsUri("bucket", "x/")
    assert metrics_folder(replace(TRAINING, base_output_directory=GsUri("bucket", "y"))) == GsUri("bucket", "y/")


def trial(number: int, *values: float) -> Trial:
    found = tuple(Measurement(step, 1.0, {"auc": value}) for step, value in enumerate(values))
    return Trial(str(number), JobState.SUCCEEDED, {}, measurements=found, final=found[-1] if found else None)


def test_trials_are_shown_best_first() -> None:
    parameter = Parameter("rate", ParameterType.DOUBLE, 0.1, 1.0)
    spec = TuningSpec("job", training=TRAINING, metrics=(Metric("auc", Goal.MAXIMIZE),), parameters=(parameter,))
    trials = [trial(1, 0.5, 0.6), trial(2), trial(3, 0.9), trial(4, 0.1)]
    assert [each.trial_id for each in best_first(spec, trials)] == ["3", "1", "4", "2"]
    (chart,) = trial_charts(spec, trials)
    assert [line.name for line in chart.lines] == ["3", "1", "4"]
    smaller = replace(spec, metrics=(Metric("auc", Goal.MINIMIZE),))
    assert [each.trial_id for each in best_first(smaller, trials)] == ["4", "1", "3", "2"]
