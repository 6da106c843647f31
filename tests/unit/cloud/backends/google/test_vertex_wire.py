import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.backends.google import vertex_wire
from cloud.emulator.rest.discovery import load
from cloud.errors import InvalidArgument
from cloud.lifecycle import JobState
from cloud.names import GsUri
from cloud.resources import ScaleTier, Service, TrainingSpec
from cloud.resources.log_entries import LogEntry, Severity
from cloud.resources.pool_programs import PoolProgram

NOW = datetime(2026, 11, 23, tzinfo=UTC)
PACKAGE = GsUri("bucket", "trainer.tar.gz")
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8)


@st.composite
def specs(draw):
    tier = draw(st.sampled_from([tier for tier in ScaleTier if tier is not ScaleTier.BASIC_TPU]))
    counts = st.integers(0, 5) if tier is ScaleTier.CUSTOM else st.just(0)
    return TrainingSpec(
        job_id="job_1",
        package_uris=(PACKAGE,),
        python_module="trainer.task",
        args=tuple(draw(st.lists(TEXTS, max_size=3))),
        job_dir=draw(st.none() | st.just(GsUri("bucket", "out"))),
        scale_tier=tier,
        worker_count=draw(counts),
        parameter_server_count=draw(counts),
        evaluator_count=draw(counts),
        runtime_version=draw(st.none() | st.just("1.8")),
        python_version=draw(st.none() | st.just("3.5")),
        max_running_time=draw(st.sampled_from([604_800.0, 0.5, 60.0])),
        labels=draw(st.dictionaries(st.sampled_from("ab"), st.sampled_from("cd"))),
    )


def custom_job_of(spec: TrainingSpec) -> dict:
    return vertex_wire.custom_job(
        spec,
        image="us-docker.pkg.dev/vertex-ai/training/x",
        service_account=None,
        labels={**spec.labels, "request-id": "1"},
    )


def item_of(spec: TrainingSpec, **more: object) -> dict:
    return (
        custom_job_of(spec)
        | {"name": "projects/1/locations/r/customJobs/77", "createTime": "2026-11-23T00:00:00Z"}
        | more
    )


def test_the_restart_of_replicas_is_asked_for() -> None:
    spec = TrainingSpec("1", (PACKAGE,), "trainer.task", service=Service.VERTEX_AI, restart_job_on_worker_restart=True)
    assert custom_job_of(spec)["jobSpec"]["scheduling"] == {"timeout": "604800s", "restartJobOnWorkerRestart": True}
    spec = replace(spec, restart_job_on_worker_restart=False, disable_retries=True)
    assert custom_job_of(spec)["jobSpec"]["scheduling"] == {"timeout": "604800s", "disableRetries": True}


@given(specs())
def test_jobs_round_trip(spec):
    body = custom_job_of(spec)
    read = load("aiplatform.v1").schemas.read("GoogleCloudAiplatformV1CustomJob", body)
    assert vertex_wire.job(read | item_of(spec, state="JOB_STATE_RUNNING")).spec == spec
    assert vertex_wire.is_ours(read)


def test_pools_with_programs_of_their_own_are_refused():
    worker = PoolProgram(1, (PACKAGE,), "trainer.other")
    spec = TrainingSpec("1", (PACKAGE,), "trainer.task", service=Service.VERTEX_AI, programs=(worker,))
    with pytest.raises(InvalidArgument, match="all pools of a job run the same program"):
        custom_job_of(spec)


def test_what_ml_engine_added_itself_is_explicit():
    spec = TrainingSpec("job_1", (PACKAGE,), "trainer.task", ("--x=1",), job_dir=GsUri("bucket", "out"))
    (pool,) = custom_job_of(spec)["jobSpec"]["workerPoolSpecs"]
    program = pool["pythonPackageSpec"]
    assert program["args"] == ["--x=1", "--job-dir", "gs://bucket/out"]
    assert custom_job_of(spec)["jobSpec"]["baseOutputDirectory"] == {"outputUriPrefix": "gs://bucket/out"}
    environment = {each["name"]: each["value"] for each in program["env"]}
    assert environment["CLOUD_ML_JOB_ID"] == "job_1"
    assert json.loads(environment["TF_CONFIG"])["task"] == {"type": "chief", "index": 0}


def test_a_pool_without_replicas_is_empty():
    spec = TrainingSpec("j", (PACKAGE,), "m", scale_tier=ScaleTier.CUSTOM, parameter_server_count=2)
    chief, workers, servers = custom_job_of(spec)["jobSpec"]["workerPoolSpecs"]
    assert (chief["replicaCount"], workers, servers["replicaCount"]) == ("1", {}, "2")
    assert chief["pythonPackageSpec"] == servers["pythonPackageSpec"]
    assert "TF_CONFIG" not in [each["name"] for each in chief["pythonPackageSpec"]["env"]]


def test_unsupported_scale_tiers_are_refused():
    with pytest.raises(InvalidArgument, match="BASIC_TPU cannot be mapped"):
        vertex_wire.cluster(TrainingSpec("j", (PACKAGE,), "m", scale_tier=ScaleTier.BASIC_TPU))


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("QUEUED", JobState.QUEUED),
        ("PENDING", JobState.PREPARING),
        ("PAUSED", JobState.RUNNING),
        ("UPDATING", JobState.RUNNING),
        ("EXPIRED", JobState.FAILED),
        ("PARTIALLY_SUCCEEDED", JobState.FAILED),
        ("CANCELLED", JobState.CANCELLED),
    ],
)
def test_states(word, state):
    job = vertex_wire.job(
        item_of(TrainingSpec("j", (PACKAGE,), "m"), state=f"JOB_STATE_{word}", updateTime="2026-11-23T00:01:00Z")
    )
    assert job.state is state
    assert (job.end_time is not None) == state.is_final
    assert (word in job.error_message) == (word in ("EXPIRED", "PARTIALLY_SUCCEEDED"))


def test_the_reason_of_a_failed_replica_is_read_from_the_log():
    where = "To find out more about why your job exited please check the logs: https://console.cloud.google.com/x?y"
    error = {"code": 3, "message": f"The replica workerpool1-0 exited with a non-zero status of 1. {where}"}
    item = item_of(TrainingSpec("j", (PACKAGE,), "m"), state="JOB_STATE_FAILED", error=error)
    lines = ["Traceback (most recent call last):", "  old", "Traceback (most recent call last):", "ValueError: x"]
    noise = "E0000 00:00:1795389926.644927   11419 cuda_platform.cc:52] no such device"
    tail = [LogEntry(NOW, Severity.ERROR, "worker-replica-0", line) for line in (*lines, noise)]
    tail += [
        LogEntry(NOW, Severity.ERROR, "master-replica-0", "another's"),
        LogEntry(NOW, Severity.INFO, "service", "x"),
    ]
    assert vertex_wire.wants_tail(item)
    assert vertex_wire.job(item, tail).error_message == (
        "The replica worker 0 exited with a non-zero status of 1.\nTraceback (most recent call last):\nValueError: x"
    )


def test_log_entries_name_replicas_and_the_job():
    entry = LogEntry(NOW, Severity.INFO, "workerpool0-0", "77 workerpool0-0")
    assert vertex_wire.to_workflow(entry, "77", "job_1") == LogEntry(
        NOW, Severity.INFO, "master-replica-0", "77 workerpool0-0"
    )
    entry = LogEntry(NOW, Severity.ERROR, "service", "The replica workerpool2-1 of 77 exited")
    assert vertex_wire.to_workflow(entry, "77", "job_1").message == "The replica ps 1 of job_1 exited"
