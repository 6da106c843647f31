"""The plan: first come, first served, never over the limit, never idle while a job waits and a slot is free."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from cloud.engine.jobs.scheduler import plan
from cloud.lifecycle import JobState
from cloud.names import GsUri
from cloud.resources import Job, TrainingSpec

UNFINISHED = [state for state in JobState if not state.is_final]


def _jobs(states: list[JobState]) -> list[Job]:
    packages = (GsUri("bucket", "trainer.tar.gz"),)
    return [
        Job(TrainingSpec(f"job_{number}", packages, "trainer.task"), state, datetime(2026, 1, 1, tzinfo=UTC))
        for number, state in enumerate(states)
    ]


@given(st.lists(st.sampled_from(UNFINISHED), max_size=12), st.integers(1, 4))
def test_slots_are_filled_in_order_and_never_exceeded(states: list[JobState], limit: int) -> None:
    jobs = _jobs(states)
    started = plan(jobs, limit)
    queued = [job.job_id for job in jobs if job.state is JobState.QUEUED]
    active = len(jobs) - len(queued)
    assert started == queued[: len(started)]
    assert active + len(started) <= max(limit, active)
    assert started == queued or active + len(started) >= limit


def test_a_job_being_cancelled_holds_its_slot() -> None:
    assert plan(_jobs([JobState.CANCELLING, JobState.QUEUED]), 1) == []
