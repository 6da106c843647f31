from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from cloud.emulator.ml_v1 import messages
from cloud.emulator.rest.discovery import load
from cloud.emulator.rest.records import Record
from cloud.lifecycle import JobState, VersionState
from cloud.names import GsUri
from cloud.resources import Job, ScaleTier, TrainingSpec, Version, VersionSpec
from cloud.wire import ml_v1 as shared

TIMES = st.datetimes(datetime(2017, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
IDS = st.from_regex(r"[A-Za-z][A-Za-z0-9_]{0,10}", fullmatch=True)
URIS = st.builds(
    GsUri, st.just("bucket"), st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=8)
)
PACKAGES = st.sampled_from([GsUri("bucket", "a.whl"), GsUri("bucket", "é/b c.tar.gz")])
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8)


@st.composite
def specs(draw):
    tier = draw(st.sampled_from(ScaleTier))
    counts = st.integers(0, 2**31) if tier is ScaleTier.CUSTOM else st.just(0)
    return TrainingSpec(
        job_id=draw(IDS),
        package_uris=tuple(draw(st.lists(PACKAGES, min_size=1, max_size=3))),
        python_module=draw(st.sampled_from(["trainer.task", "a"])),
        args=tuple(draw(st.lists(TEXTS, max_size=3))),
        region=draw(st.sampled_from(["us-east1", "us-central1"])),
        job_dir=draw(st.none() | URIS),
        scale_tier=tier,
        worker_count=draw(counts),
        parameter_server_count=draw(counts),
        evaluator_count=draw(counts),
        runtime_version=draw(st.none() | st.just("1.8")),
        python_version=draw(st.none() | st.just("3.5")),
        max_running_time=draw(st.integers(1, 10**9).map(float) | st.just(0.25)),
        labels=draw(st.dictionaries(TEXTS, TEXTS, max_size=3)),
    )


@given(specs())
def test_a_spec_survives_the_way_to_json_and_back(spec):
    body = {"jobId": spec.job_id, "labels": spec.labels, "trainingInput": shared.training_input(spec)}
    assert shared.job_spec(load("ml.v1").schemas.read("GoogleCloudMlV1__Job", body)) == spec


@given(specs(), st.sampled_from(JobState), TIMES, st.none() | TIMES, st.none() | TIMES, TEXTS)
def test_any_job_is_written_as_the_document_says(spec, state, created, started, ended, message):
    job = Job(spec, state, created, started, ended, message)
    written = messages.job_json(job, Record("jobs/x", created), datetime(2040, 1, 2, tzinfo=UTC), "p")
    assert load("ml.v1").schemas.read("GoogleCloudMlV1__Job", written) == written


@given(IDS, st.sampled_from(VersionState), TIMES, st.booleans(), TEXTS)
def test_any_version_is_written_as_the_document_says(name, state, created, default, message):
    spec = VersionSpec("m", name, GsUri("bucket", "f/"), description=message)
    written = messages.version_json("p", Version(spec, state, created, default, message), Record("x", created))
    assert load("ml.v1").schemas.read("GoogleCloudMlV1__Version", written) == written
    assert shared.version_spec("m", written | {"name": name}) == spec


@given(st.integers(0, 10**9), st.integers(0, 999))
def test_durations_survive(whole, thousandths):
    value = float(f"{whole}.{thousandths:03}")  # a sum would not always be the float nearest to the decimal
    assert shared.seconds(shared.duration(value)) == value


def test_durations_are_written_as_protobuf_does():
    assert [shared.duration(value) for value in (7200.0, 0.5, 1.000001)] == ["7200s", "0.500s", "1.000001s"]


def test_consumption_is_counted_from_start_to_end():
    start, end = datetime(2020, 1, 1, tzinfo=UTC), datetime(2020, 1, 1, 0, 10, tzinfo=UTC)
    spec = TrainingSpec("j", (GsUri("bucket", "p"),), "m", scale_tier=ScaleTier.STANDARD_1)
    job = Job(spec, JobState.SUCCEEDED, start, start, end)
    assert messages.job_json(job, Record("jobs/j", start), end, "p")["trainingOutput"] == {"consumedMLUnits": 1.67}
