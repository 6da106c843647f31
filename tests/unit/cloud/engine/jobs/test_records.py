"""Jobs survive: what is written is read back, ids are never reused, another format is refused."""

import sqlite3
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.engine.database import open_database
from cloud.engine.jobs.records import JobRecords, spec_from_json, spec_to_json
from cloud.errors import AlreadyExists, FailedPrecondition, NotFound
from cloud.lifecycle import JobState
from cloud.names import GsUri
from cloud.resources import Job, ScaleTier, Service, TrainingSpec
from full_disk import files_of_at_most

SPECS = st.builds(
    TrainingSpec,
    job_id=st.from_regex(r"[A-Za-z][A-Za-z0-9_]{0,20}", fullmatch=True),
    package_uris=st.just((GsUri("bucket", "a/trainer-0.0.0.tar.gz"), GsUri("bucket", "b.whl"))),
    python_module=st.just("trainer.task"),
    args=st.lists(st.text(max_size=20)).map(tuple),
    job_dir=st.sampled_from([None, GsUri("bucket", "out dir/é")]),
    scale_tier=st.just(ScaleTier.CUSTOM),
    worker_count=st.integers(0, 5),
    runtime_version=st.sampled_from([None, "2.11"]),
    max_running_time=st.floats(0.1, 1e6),
    labels=st.dictionaries(st.text(max_size=5), st.text(max_size=5)),
)
VERTEX_SPECS = st.builds(
    TrainingSpec,
    job_id=st.from_regex(r"[1-9][0-9]{0,18}", fullmatch=True),
    package_uris=st.just(()),
    python_module=st.just("trainer.task"),
    service=st.just(Service.VERTEX_AI),
    base_output_directory=st.sampled_from([None, GsUri("bucket", "out/")]),
    env=st.dictionaries(st.text(max_size=5), st.text(max_size=5)),
)
JOB = Job(
    TrainingSpec("one", (GsUri("bucket", "a.whl"),), "trainer.task"), JobState.QUEUED, datetime(2026, 1, 2, tzinfo=UTC)
)


@given(SPECS | VERTEX_SPECS)
def test_specifications_round_trip(spec: TrainingSpec) -> None:
    assert spec_from_json(spec_to_json(spec)) == spec


def test_a_record_of_before_there_was_vertex_ai_is_ml_engines() -> None:
    record = spec_to_json(JOB.spec)
    for name in ("service", "base_output_directory", "env"):
        del record[name]
    assert spec_from_json(record) == JOB.spec


def test_jobs_outlive_the_process_that_wrote_them(tmp_path: Path) -> None:
    done = replace(JOB, state=JobState.FAILED, end_time=datetime(2026, 1, 3, tzinfo=UTC), error_message="why")
    records = JobRecords(tmp_path / "jobs.sqlite")
    records.add(JOB)
    records.update(done)
    records.close()
    again = JobRecords(tmp_path / "jobs.sqlite")
    assert again.get("one") == done
    assert again.unfinished() == []
    with pytest.raises(AlreadyExists, match="A job with this id already exists"):
        again.add(JOB)
    again.close()


def test_a_job_nobody_submitted(tmp_path: Path) -> None:
    records = JobRecords(tmp_path / "jobs.sqlite")
    with pytest.raises(NotFound, match="'nobody'"):
        records.get("nobody")
    records.close()


def test_a_state_folder_of_another_version_is_refused(tmp_path: Path) -> None:
    open_database(tmp_path / "jobs.sqlite", ["SELECT 1"] * 99).close()
    with pytest.raises(FailedPrecondition, match="format 99"):
        JobRecords(tmp_path / "jobs.sqlite")


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(FailedPrecondition, match=r"missing.jobs\.sqlite"):
        JobRecords(tmp_path / "missing" / "jobs.sqlite")


def test_on_a_full_disk_jobs_still_come_to_their_end(tmp_path: Path) -> None:
    records = JobRecords(tmp_path / "jobs.sqlite")
    records.add(JOB)
    second = replace(JOB, spec=replace(JOB.spec, job_id="two"))
    records.add(second)
    ended = replace(JOB, state=JobState.FAILED, error_message="x" * 2_000_000)
    with files_of_at_most(1_000_000):
        records.update(ended)
        assert records.get("one") == ended
        assert records.all() == [ended, second]
        assert records.unfinished() == [second]
        with pytest.raises(sqlite3.OperationalError):
            records.add(replace(JOB, spec=replace(JOB.spec, job_id="new", args=("x" * 2_000_000,))))
    assert records.get("one") == ended
    # As another process finds it, were this one killed now.
    other = JobRecords(tmp_path / "jobs.sqlite")
    assert other.all() == [ended, second]
    other.close()
    records.close()
