"""Records of jobs survive a restart, ids are never reused, a later format is refused."""

import json
import tempfile
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from cloud.backends.selection import select_jobs
from cloud.engine.database import open_database
from cloud.engine.jobs.records import _MIGRATIONS, JobRecords
from cloud.engine.jobs.specs import KINDS
from cloud.engine.restore import restore
from cloud.errors import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound, ResourceExhausted
from cloud.lifecycle import JobState
from cloud.names import GsUri
from cloud.resources import Job, JobSpec, Service, TrainingSpec
from full_disk import files_of_at_most

JOB = Job(
    TrainingSpec("one", (GsUri("bucket", "a.whl"),), "trainer.task"), JobState.QUEUED, datetime(2026, 1, 2, tzinfo=UTC)
)


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


def test_an_unknown_job_is_not_found(tmp_path: Path) -> None:
    records = JobRecords(tmp_path / "jobs.sqlite")
    with pytest.raises(NotFound, match="'unknown'"):
        records.get("unknown")
    records.close()


def test_a_database_of_a_later_format_is_refused(tmp_path: Path) -> None:
    open_database(tmp_path / "jobs.sqlite", ["SELECT 1"] * 99).close()
    with pytest.raises(FailedPrecondition, match="format 99"):
        JobRecords(tmp_path / "jobs.sqlite")


def test_an_error_names_the_file_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(FailedPrecondition, match=r"missing.jobs\.sqlite"):
        JobRecords(tmp_path / "missing" / "jobs.sqlite")


def test_jobs_end_on_a_full_disk(tmp_path: Path) -> None:
    records = JobRecords(tmp_path / "jobs.sqlite")
    records.add(JOB)
    second = records.add(replace(JOB, spec=replace(JOB.spec, job_id="two")))
    assert (second.queue_position, records.get("two").queue_position) == (2, 2)
    second = replace(second, queue_position=1)  # as soon as the first has ended
    ended = replace(JOB, state=JobState.FAILED, error_message="x" * 2_000_000)
    with files_of_at_most(1_000_000):
        records.update(ended)
        assert records.get("one") == ended
        assert records.select() == [second, ended]
        assert records.select(states=[JobState.FAILED]) == [ended]
        assert records.select(after="two", limit=1) == [ended]
        assert records.unfinished() == [second]
        with pytest.raises(ResourceExhausted):
            records.add(replace(JOB, spec=replace(JOB.spec, job_id="new", args=("x" * 2_000_000,))))
    assert records.get("one") == ended
    # What another process would find if this one were killed now.
    other = JobRecords(tmp_path / "jobs.sqlite")
    assert other.select() == [second, ended]
    other.close()
    records.close()


@dataclass(frozen=True, slots=True)
class Measuring(JobSpec):
    """A job without a Python module."""

    weights: tuple[str, ...] = ()


def test_jobs_of_any_kind_are_kept(tmp_path: Path) -> None:
    records = JobRecords(tmp_path / "jobs.sqlite", KINDS | {"measuring": Measuring})
    measuring = Job(Measuring("two", weights=("a", "b")), JobState.RUNNING, JOB.create_time)
    records.add(JOB)
    records.add(measuring)
    assert records.get("two") == measuring
    assert records.select() == [measuring, records.get("one")]
    with pytest.raises(InvalidArgument, match="no jobs of the kind JobSpec"):
        records.add(replace(JOB, spec=JobSpec("three")))
    records.close()


def test_a_record_that_todays_checks_would_refuse_is_still_read(tmp_path: Path) -> None:
    uri = restore(GsUri, {"bucket": "My_Bucket", "path": "p.tar.gz"})
    strange = restore(TrainingSpec, {"job_id": "no id", "package_uris": (uri,), "python_module": "not a module"})
    records = JobRecords(tmp_path / "jobs.sqlite")
    records.add(replace(JOB, spec=strange))
    assert records.get("no id").spec == strange
    assert records.unfinished() == records.select() == [records.get("no id")]
    records.close()


def test_records_of_an_earlier_format_are_found_by_state_and_service(tmp_path: Path) -> None:
    path = tmp_path / "jobs.sqlite"
    older = open_database(path, _MIGRATIONS[:1])
    for name, service, state in (("one", {}, "FAILED"), ("2", {"service": "VERTEX_AI"}, "QUEUED")):
        spec = {"job_id": name, "package_uris": [], "python_module": "x", "args": [], "job_dir": None} | service
        older.execute(
            "INSERT INTO jobs (job_id, spec, state, create_time, error_message) VALUES (?, ?, ?, ?, '')",
            (name, json.dumps(spec | {"scale_tier": "BASIC"}), state, JOB.create_time.isoformat()),
        )
    older.close()
    records = JobRecords(path)
    assert [job.job_id for job in records.select(service=Service.VERTEX_AI)] == ["2"]
    assert [job.job_id for job in records.select(service=Service.ML_ENGINE, states=[JobState.FAILED])] == ["one"]
    assert [job.job_id for job in records.unfinished()] == ["2"]
    assert records.get("2").queue_position == 1
    records.close()


class Selections(RuleBasedStateMachine):
    """Jobs are added and updated, also on a full disk; a selection is the same as one of all jobs in memory."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.records = JobRecords(Path(self.folder.name) / "jobs.sqlite")
        self.jobs: dict[str, Job] = {}

    def teardown(self) -> None:
        self.records.close()
        self.folder.cleanup()

    @rule(service=st.sampled_from(Service))
    def add(self, service: Service) -> None:
        name = f"{len(self.jobs) + 1}" if service is Service.VERTEX_AI else f"job_{len(self.jobs)}"
        job = replace(JOB, spec=TrainingSpec(name, JOB.training.package_uris, "x.task", service=service))
        assert self.records.add(job) == self.expected(job)
        self.jobs[name] = job

    @precondition(lambda self: self.jobs)
    @rule(data=st.data(), state=st.sampled_from(JobState), is_full=st.booleans())
    def update(self, data: st.DataObject, state: JobState, *, is_full: bool) -> None:
        name = data.draw(st.sampled_from(sorted(self.jobs)))
        self.jobs[name] = replace(self.jobs[name], state=state)
        with mock.patch.object(self.records, "_write_pending") if is_full else nullcontext():
            self.records.update(self.jobs[name])

    def expected(self, job: Job) -> Job:
        queued = [name for name, other in (self.jobs | {job.job_id: job}).items() if other.state is JobState.QUEUED]
        return replace(job, queue_position=queued.index(job.job_id) + 1 if job.job_id in queued else None)

    @rule(data=st.data(), is_full=st.booleans())
    def select(self, data: st.DataObject, *, is_full: bool) -> None:
        wanted = {
            "states": data.draw(st.none() | st.sets(st.sampled_from(JobState))),
            "service": data.draw(st.none() | st.sampled_from(Service)),
            "after": data.draw(st.sampled_from([None, *self.jobs])),
            "limit": data.draw(st.none() | st.integers(0, 5)),
        }
        newest_first = [self.expected(job) for job in reversed(self.jobs.values())]
        with mock.patch.object(self.records, "_write_pending") if is_full else nullcontext():
            assert self.records.select(**wanted) == select_jobs(newest_first, **wanted)
            assert self.records.unfinished() == [job for job in newest_first[::-1] if not job.state.is_final]
            queued = [job.job_id for job in newest_first[::-1] if job.state is JobState.QUEUED]
            assert self.records.first_queued(2) == queued[:2]


TestSelections = Selections.TestCase
TestSelections.settings = settings(max_examples=30, stateful_step_count=20, deadline=None)
