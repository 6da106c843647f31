"""What a replica of a job is told: its exact argv and environment. Pure.

Facts: "distributed training details" and "environment variables" of AI Platform Training's documentation, and the
runner's own log lines; see docs/fidelity.md for what differs here.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cloud.resources import JobSpec, Json, ScaleTier, TaskType

_WORKERS_AND_SERVERS = {ScaleTier.STANDARD_1: (4, 3), ScaleTier.PREMIUM_1: (19, 11)}
"""Workers (besides the master) and parameter servers of the named clusters (documentation page "machine types")."""


@dataclass(frozen=True, slots=True)
class Replica:
    """One process of a job."""

    task_type: TaskType
    index: int

    @property
    def task_name(self) -> str:
        """As log entries name it; the primary is ``master-replica-0`` there whatever ``TF_CONFIG`` calls it."""
        role = TaskType.MASTER if self.is_primary else self.task_type
        return f"{role.value}-replica-{self.index}"

    @property
    def spoken_name(self) -> str:
        """As error messages name it: ``worker 3``."""
        return f"{'master' if self.is_primary else self.task_type.value} {self.index}"

    @property
    def is_primary(self) -> bool:
        return self.task_type in (TaskType.CHIEF, TaskType.MASTER)


def replicas(spec: JobSpec) -> list[Replica]:
    """The job's replicas, primary first."""
    workers, servers = _WORKERS_AND_SERVERS.get(spec.scale_tier, (spec.worker_count, spec.parameter_server_count))
    return [
        Replica(_primary_type(spec), 0),
        *(Replica(TaskType.WORKER, index) for index in range(workers)),
        *(Replica(TaskType.PS, index) for index in range(servers)),
        *(Replica(TaskType.EVALUATOR, index) for index in range(spec.evaluator_count)),
    ]


def _primary_type(spec: JobSpec) -> TaskType:
    # Runtime versions before 2.1 say "master"; without a version the job runs on the TensorFlow that is installed.
    if spec.runtime_version is None:
        return TaskType.CHIEF
    major, _, minor = spec.runtime_version.partition(".")
    older = (int(major or 0), int(minor.partition(".")[0] or 0)) < (2, 1)
    return TaskType.MASTER if older else TaskType.CHIEF


def argv(spec: JobSpec) -> tuple[str, ...]:
    """The trainer's arguments: the user's, unchanged, then ``--job-dir DIR`` as two items if there is one."""
    return (*spec.args, "--job-dir", str(spec.job_dir)) if spec.job_dir else spec.args


def environ(
    spec: JobSpec,
    replica: Replica,
    addresses: Mapping[Replica, str],
    *,
    project: str,
    base: Mapping[str, str],
    home: Path,
) -> dict[str, str]:
    """The whole environment of ``replica``.

    Args:
        addresses: ``HOST:PORT`` of every replica of the job.
        base: what every process of this cloud gets (paths, the way to the gateway, the ML service account).
        home: the replica's private folder.
    """
    job = training_input(spec)
    tf_config: dict[str, Json] = {
        "cluster": _cluster(addresses),
        "task": {"type": replica.task_type.value, "index": replica.index, "cloud": tenant_project(project)},
        "job": job,
        "environment": "cloud",
    }
    return {
        **base,
        "HOME": str(home),
        "PYTHONUNBUFFERED": "1",
        "TF_CONFIG": json.dumps(tf_config),
        "CLOUD_ML_JOB_ID": spec.job_id,
        "CLOUD_ML_JOB": json.dumps(job),
        "CLOUD_ML_PROJECT_ID": project,
        # Where cloudml-hypertune writes metrics. Its own choice is one file for all of a machine.
        "CLOUD_ML_HP_METRIC_FILE": str(home / "hypertune" / "output.metrics"),
    }


def _cluster(addresses: Mapping[Replica, str]) -> dict[str, list[str]]:
    # An evaluator is a task type but never part of the cluster.
    cluster: dict[str, list[str]] = {}
    for replica in sorted(addresses, key=lambda replica: replica.index):
        if replica.task_type is not TaskType.EVALUATOR:
            cluster.setdefault(replica.task_type.value, []).append(addresses[replica])
    return cluster


def training_input(spec: JobSpec) -> dict[str, Json]:
    """The job as its own processes see it: ``TrainingInput`` in snake case, zero values omitted (so no BASIC)."""
    given: Sequence[tuple[str, Json]] = (
        ("scale_tier", None if spec.scale_tier is ScaleTier.BASIC else spec.scale_tier.value),
        ("worker_count", str(spec.worker_count) if spec.worker_count else None),
        ("parameter_server_count", str(spec.parameter_server_count) if spec.parameter_server_count else None),
        ("evaluator_count", str(spec.evaluator_count) if spec.evaluator_count else None),
        ("package_uris", [str(uri) for uri in spec.package_uris]),
        ("python_module", spec.python_module),
        ("args", list(spec.args)),
        ("region", spec.region),
        ("runtime_version", spec.runtime_version),
        ("python_version", spec.python_version),
        ("job_dir", str(spec.job_dir) if spec.job_dir else None),
        ("run_on_raw_vm", True),
    )
    return {name: value for name, value in given if value not in (None, [])}


def tenant_project(project: str) -> str:
    """A stand-in for the id of Google's own project that runs the job: ``<letter><16 hex digits>-ml``."""
    return f"w{hashlib.sha256(project.encode()).hexdigest()[:16]}-ml"
