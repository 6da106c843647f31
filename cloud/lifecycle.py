"""The states of jobs and model versions, and the two tables of their transitions.

Rule: nothing outside this file decides which state follows. Code that performs work reports an *event*;
``next_job_state`` and ``next_version_state`` return the next state or raise. A job runs as one or more *executions*,
which have the same states and transitions; ``next_job_event`` derives the job's next event from theirs. The diagrams in
docs/architecture.md are drawn from these tables (a test compares them).

States are ML Engine v1's own (discovery document ``ml.v1``, schemas ``GoogleCloudMlV1__Job`` and
``GoogleCloudMlV1__Version``). Every job that ends after a cancel request goes through CANCELLING, also one
that was still queued, so that a client polling for CANCELLING can see it. Once cancelling, the exit statuses
no longer matter: STOPPED is the only event left.
"""

from collections.abc import Collection
from enum import StrEnum

from cloud.errors import FailedPrecondition


class JobState(StrEnum):
    QUEUED = "QUEUED"
    PREPARING = "PREPARING"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELLING = "CANCELLING"
    CANCELLED = "CANCELLED"

    @property
    def is_final(self) -> bool:
        return self in FINAL_JOB_STATES


class JobEvent(StrEnum):
    SCHEDULED = "a slot is free"
    STARTED = "replicas run"
    COMPLETED = "the primary replica exited with status 0"
    FAILED = "a package, replica or limit failed"
    CANCEL_REQUESTED = "cancel requested"
    STOPPED = "no process is left"


class VersionState(StrEnum):
    CREATING = "CREATING"
    READY = "READY"
    FAILED = "FAILED"
    DELETING = "DELETING"


class VersionEvent(StrEnum):
    LOADED = "a worker serves the model"
    FAILED = "the model cannot be served"
    DELETE_REQUESTED = "delete requested"


FINAL_JOB_STATES = frozenset({JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED})

JOB_TRANSITIONS: dict[tuple[JobState, JobEvent], JobState] = {
    (JobState.QUEUED, JobEvent.SCHEDULED): JobState.PREPARING,
    (JobState.QUEUED, JobEvent.CANCEL_REQUESTED): JobState.CANCELLING,
    (JobState.PREPARING, JobEvent.STARTED): JobState.RUNNING,
    (JobState.PREPARING, JobEvent.FAILED): JobState.FAILED,
    (JobState.PREPARING, JobEvent.CANCEL_REQUESTED): JobState.CANCELLING,
    (JobState.RUNNING, JobEvent.COMPLETED): JobState.SUCCEEDED,
    (JobState.RUNNING, JobEvent.FAILED): JobState.FAILED,
    (JobState.RUNNING, JobEvent.CANCEL_REQUESTED): JobState.CANCELLING,
    (JobState.CANCELLING, JobEvent.CANCEL_REQUESTED): JobState.CANCELLING,
    (JobState.CANCELLING, JobEvent.STOPPED): JobState.CANCELLED,
}

VERSION_TRANSITIONS: dict[tuple[VersionState, VersionEvent], VersionState] = {
    (VersionState.CREATING, VersionEvent.LOADED): VersionState.READY,
    (VersionState.CREATING, VersionEvent.FAILED): VersionState.FAILED,
    (VersionState.READY, VersionEvent.FAILED): VersionState.FAILED,
    (VersionState.READY, VersionEvent.DELETE_REQUESTED): VersionState.DELETING,
    (VersionState.FAILED, VersionEvent.DELETE_REQUESTED): VersionState.DELETING,
}


def next_job_state(state: JobState, event: JobEvent) -> JobState:
    """The state that follows ``event`` in ``state``.

    Raises:
        FailedPrecondition: the event cannot happen in this state.
    """
    following = JOB_TRANSITIONS.get((state, event))
    if following is None:
        raise FailedPrecondition(f"the job is {state.value}: {event.value!r} cannot follow")
    return following


def next_job_event(state: JobState, executions: Collection[JobState]) -> JobEvent | None:
    """The next event of a job in ``state``, given the states of its executions; None if there is none.

    An execution has the states and transitions of a job. A job is RUNNING once one execution is, finished when all are,
    FAILED if one of them failed, and is cancelled as a whole.

    Args:
        executions: the states of all executions of the job; empty if it was cancelled before it had any.
    """
    has_ended = all(execution.is_final for execution in executions)
    match state:
        case JobState.CANCELLING:
            return JobEvent.STOPPED if has_ended else None
        case _ if state.is_final:
            return None
        case _ if not {JobState.CANCELLING, JobState.CANCELLED}.isdisjoint(executions):
            return JobEvent.CANCEL_REQUESTED
        case JobState.QUEUED:
            return None if set(executions) <= {JobState.QUEUED} else JobEvent.SCHEDULED
        case JobState.PREPARING if not {JobState.RUNNING, JobState.SUCCEEDED}.isdisjoint(executions):
            return JobEvent.STARTED
    if not executions or not has_ended:
        return None
    return JobEvent.FAILED if JobState.FAILED in executions else JobEvent.COMPLETED


def next_version_state(state: VersionState, event: VersionEvent) -> VersionState:
    """The state that follows ``event`` in ``state``.

    Raises:
        FailedPrecondition: the event cannot happen in this state.
    """
    following = VERSION_TRANSITIONS.get((state, event))
    if following is None:
        raise FailedPrecondition(f"the version is {state.value}: {event.value!r} cannot follow")
    return following
