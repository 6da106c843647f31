"""Which replicas of a job are restarted after some were preempted, and how often. Pure, but for ``supervise``.

Facts: "Understanding the training service" of AI Platform Training's and of Vertex AI's documentation, and the
descriptions of ``Scheduling`` in ``aiplatform.v1``. Only a preempted replica is restarted; one that fails by itself
fails its job at once, so that a test sees it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from cloud.engine.jobs.replica_processes import Failed, ReplicaProcesses
from cloud.engine.jobs.replicas import Replica
from cloud.errors import Unavailable
from cloud.resources import Service, TrainingSpec
from cloud.resources.log_entries import Severity

MOST_RESTARTS = 5
"""Of one replica; then the whole job is tried again."""
MOST_ATTEMPTS = 3
"""Of a whole job; on ML Engine also of its master."""


@dataclass(frozen=True, slots=True)
class Restart:
    """What follows: these are started again, under their addresses."""

    members: Sequence[Replica]
    message: str


@dataclass(slots=True)
class Restarts:
    """Counts the restarts of one execution."""

    spec: TrainingSpec
    members: Sequence[Replica]
    _counts: dict[Replica, int] = field(default_factory=dict)
    _attempt: int = 1

    def after(self, preempted: Sequence[Replica]) -> Restart:
        """Raises:
        Unavailable: there have been too many, or the job does not want any.
        """
        names = " and ".join(replica.display_name for replica in preempted)
        was = f"The replica {names} was preempted."
        if self.spec.disable_retries:
            raise Unavailable(f"{was} The job is not retried: its scheduling has disableRetries.")
        for replica in preempted:
            self._counts[replica] = self._counts.get(replica, 0) + 1
        is_master = self.spec.service is Service.ML_ENGINE and any(replica.is_primary for replica in preempted)
        is_whole = any(self._counts[replica] > MOST_RESTARTS for replica in preempted)
        if is_master or is_whole:
            if self._attempt == MOST_ATTEMPTS:
                raise Unavailable(f"{was} That was the last of {MOST_ATTEMPTS} attempts.")
            self._attempt += 1
            was = f"Internal error occurred for the current attempt. {was} Attempt {self._attempt} of {MOST_ATTEMPTS}:"
        if is_whole:
            self._counts.clear()
        if is_whole or self.spec.restart_job_on_worker_restart:
            return Restart(self.members, f"{was} All replicas are restarted.")
        return Restart(preempted, f"{was} It is restarted with the same address.")


async def supervise(
    processes: ReplicaProcesses, restarts: Restarts, grace: float, log: Callable[[str, Severity], object]
) -> Failed:
    """Wait until the primary replica exits with 0, or any fails; returns those that failed. Restarts preempted ones.

    Raises:
        Unavailable: one was preempted and is not restarted.
        CloudError: one cannot be started again.
    """
    primary = restarts.members[0]
    while True:
        failed = await processes.wait_for(primary)
        preempted = processes.take_preempted()
        if failed or not preempted:
            return failed
        restart = restarts.after(preempted)
        log(restart.message, Severity.WARNING)
        await processes.restart(restart.members, grace)
