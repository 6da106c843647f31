"""The transition tables: final states are final, and the service's guarantees hold for any sequence of events."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.errors import FailedPrecondition
from cloud.lifecycle import (
    FINAL_JOB_STATES,
    JOB_TRANSITIONS,
    JobEvent,
    JobState,
    VersionEvent,
    VersionState,
    next_job_event,
    next_job_state,
    next_version_state,
)


@pytest.mark.parametrize(("state", "event"), list(product(JobState, JobEvent)))
def test_a_job_moves_by_the_table_or_not_at_all(state: JobState, event: JobEvent) -> None:
    if (state, event) in JOB_TRANSITIONS:
        assert next_job_state(state, event) is JOB_TRANSITIONS[state, event]
    else:
        with pytest.raises(FailedPrecondition, match=state.value):
            next_job_state(state, event)


@pytest.mark.parametrize("state", list(JobState))
def test_states_are_final_exactly_if_nothing_follows(state: JobState) -> None:
    assert state.is_final == (not any(start is state for start, _ in JOB_TRANSITIONS))


@given(st.lists(st.sampled_from(JobEvent)))
def test_any_sequence_of_events_keeps_the_guarantees(events: list[JobEvent]) -> None:
    state, history = JobState.QUEUED, [JobState.QUEUED]
    for event in events:
        if (state, event) in JOB_TRANSITIONS:
            state = next_job_state(state, event)
            history.append(state)
    if JobState.CANCELLED in history:
        assert history[-2:] == [JobState.CANCELLING, JobState.CANCELLED] or JobState.CANCELLING in history[:-1]
    if JobState.SUCCEEDED in history:
        assert history == [JobState.QUEUED, JobState.PREPARING, JobState.RUNNING, JobState.SUCCEEDED]
    assert sum(reached in FINAL_JOB_STATES for reached in history) <= 1


@pytest.mark.parametrize("state", [state for state in JobState if not state.is_final])
def test_every_unfinished_job_can_be_cancelled(state: JobState) -> None:
    cancelling = next_job_state(state, JobEvent.CANCEL_REQUESTED)
    assert next_job_state(cancelling, JobEvent.STOPPED) is JobState.CANCELLED


def test_a_version_being_created_cannot_be_deleted() -> None:
    with pytest.raises(FailedPrecondition, match="CREATING"):
        next_version_state(VersionState.CREATING, VersionEvent.DELETE_REQUESTED)


def test_a_failed_version_can_be_deleted() -> None:
    assert next_version_state(VersionState.FAILED, VersionEvent.DELETE_REQUESTED) is VersionState.DELETING


def follow(state: JobState, executions: list[JobState]) -> JobState:
    while event := next_job_event(state, executions):
        state = next_job_state(state, event)
    return state


EXECUTION_STATES = st.sampled_from(JobState)


@given(st.sampled_from(JobState), st.lists(EXECUTION_STATES, max_size=4))
def test_a_job_follows_its_executions_to_a_stable_state(state: JobState, executions: list[JobState]) -> None:
    reached = follow(state, executions)
    if state.is_final:
        assert reached is state
    elif executions and all(execution.is_final for execution in executions):
        assert reached.is_final


@given(EXECUTION_STATES)
def test_a_job_of_one_execution_has_its_state(execution: JobState) -> None:
    # Except for one that failed before it was reported running, a transition that a job does not have either.
    start = JobState.PREPARING if execution is JobState.FAILED else JobState.QUEUED
    assert follow(start, [execution]) is execution


@given(st.lists(st.lists(st.sampled_from(JobEvent), max_size=8), min_size=1, max_size=4), st.randoms())
def test_any_history_of_executions_is_a_history_of_their_job(histories: list[list[JobEvent]], chance) -> None:
    executions, job = [JobState.QUEUED] * len(histories), JobState.QUEUED
    turns = [index for index, events in enumerate(histories) for _ in events]
    chance.shuffle(turns)
    for index in turns:
        event = histories[index].pop(0)
        if (executions[index], event) in JOB_TRANSITIONS:
            executions[index] = next_job_state(executions[index], event)
            job = follow(job, executions)  # raises if the table has no such transition
    assert job.is_final == (job is not JobState.QUEUED and all(execution.is_final for execution in executions))


@pytest.mark.parametrize(
    ("executions", "state"),
    [
        ("QUEUED QUEUED", "QUEUED"),
        ("PREPARING QUEUED", "PREPARING"),
        ("RUNNING QUEUED", "RUNNING"),
        ("SUCCEEDED QUEUED", "RUNNING"),
        ("SUCCEEDED SUCCEEDED", "SUCCEEDED"),
        ("SUCCEEDED FAILED", "FAILED"),
        ("FAILED RUNNING", "RUNNING"),
        ("CANCELLING RUNNING", "CANCELLING"),
        ("CANCELLED CANCELLED", "CANCELLED"),
        ("", "QUEUED"),
    ],
)
def test_a_job_of_several_executions(executions: str, state: str) -> None:
    assert follow(JobState.QUEUED, [JobState(name) for name in executions.split()]) is JobState(state)


def test_a_job_cancelled_before_it_has_executions_stops_at_once() -> None:
    assert next_job_event(JobState.CANCELLING, []) is JobEvent.STOPPED
