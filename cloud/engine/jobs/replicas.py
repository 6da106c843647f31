"""The replicas of a job: their roles and names, and the cluster they form. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from cloud.errors import ResourceExhausted
from cloud.resources import ScaleTier, Service, TaskType, TrainingSpec

MOST_REPLICAS = 100
"""For one job: each is a process of this machine, with pipes and a port."""
_WORKERS_AND_SERVERS = {ScaleTier.STANDARD_1: (4, 3), ScaleTier.PREMIUM_1: (19, 11)}
"""Workers (besides the master) and parameter servers of the named clusters (documentation page "machine types")."""
_POOLS = {TaskType.CHIEF: 0, TaskType.MASTER: 0, TaskType.WORKER: 1, TaskType.PS: 2, TaskType.EVALUATOR: 3}


@dataclass(frozen=True, slots=True)
class Replica:
    """One process of a job."""

    task_type: TaskType
    index: int
    service: Service = Service.ML_ENGINE

    @property
    def pool(self) -> str:
        """Vertex AI's name for the replicas of the same role: ``workerpool0``."""
        return f"workerpool{self.pool_index}"

    @property
    def pool_index(self) -> int:
        return _POOLS[self.task_type]

    @property
    def task_name(self) -> str:
        """Its name in log entries; the primary's is ``master-replica-0``, also if ``TF_CONFIG`` says ``chief``."""
        if self.service is Service.VERTEX_AI:
            return f"{self.pool}-{self.index}"
        role = TaskType.MASTER if self.is_primary else self.task_type
        return f"{role.value}-replica-{self.index}"

    @property
    def display_name(self) -> str:
        """Its name in error messages: ``worker 3``."""
        if self.service is Service.VERTEX_AI:
            return self.task_name
        return f"{'master' if self.is_primary else self.task_type.value} {self.index}"

    @property
    def is_primary(self) -> bool:
        return self.task_type in (TaskType.CHIEF, TaskType.MASTER)


def replicas(spec: TrainingSpec) -> list[Replica]:
    """The job's replicas, primary first."""
    return [Replica(role, index, spec.service) for role, count in _counts(spec).items() for index in range(count)]


def check_count(spec: TrainingSpec) -> None:
    """Raises:
    ResourceExhausted: the job has more than ``MOST_REPLICAS``.
    """
    count = sum(_counts(spec).values())
    if count > MOST_REPLICAS:
        raise ResourceExhausted(f"A job has at most {MOST_REPLICAS} replicas here, not {count}.")


def cluster(addresses: Mapping[Replica, str]) -> dict[str, list[str]]:
    """The addresses by role, in the form of ``TF_CONFIG``."""
    # An evaluator is a task, but never part of the cluster.
    found: dict[str, list[str]] = {}
    for replica in sorted(addresses, key=lambda replica: replica.index):
        if replica.task_type is not TaskType.EVALUATOR:
            found.setdefault(replica.task_type.value, []).append(addresses[replica])
    return found


def _counts(spec: TrainingSpec) -> dict[TaskType, int]:
    workers, servers = _WORKERS_AND_SERVERS.get(spec.scale_tier, (spec.worker_count, spec.parameter_server_count))
    return {
        _primary_type(spec): 1,
        TaskType.WORKER: workers,
        TaskType.PS: servers,
        TaskType.EVALUATOR: spec.evaluator_count,
    }


def _primary_type(spec: TrainingSpec) -> TaskType:
    # "master" for ML Engine's runtime versions before 2.1, "chief" for later ones and always for Vertex AI. Without a
    # version the job runs on the installed TensorFlow, which is later.
    if spec.image_digest and spec.service is Service.ML_ENGINE and not spec.chief_in_tf_config:
        return TaskType.MASTER  # in a container, unless the job says otherwise
    if spec.runtime_version is None or spec.service is Service.VERTEX_AI:
        return TaskType.CHIEF
    major, _, minor = spec.runtime_version.partition(".")
    older = (int(major or 0), int(minor.partition(".")[0] or 0)) < (2, 1)
    return TaskType.MASTER if older else TaskType.CHIEF
