"""The arguments and environment variables of a replica. Pure.

Facts: "distributed training details" and "environment variables" of AI Platform Training's documentation, and the
runner's own log lines; docs/fidelity.md lists the differences. Vertex AI's variables are in ``vertex_environ``.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cloud.engine.jobs import vertex_environ
from cloud.engine.jobs.replicas import Replica, cluster
from cloud.engine.runtimes import hooks
from cloud.resources import Json, ScaleTier, Service, TaskType, TrainingSpec


@dataclass(frozen=True, slots=True)
class TrialName:
    """Tells a trial's replicas which one they run, and what to report."""

    id: str
    metric: str


def argv(spec: TrainingSpec) -> tuple[str, ...]:
    """The trainer's arguments: the user's, unchanged, then ``--job-dir DIR`` as two items if there is one."""
    return (*spec.args, "--job-dir", str(spec.job_dir)) if spec.job_dir else spec.args


def environ(
    spec: TrainingSpec,
    replica: Replica,
    addresses: Mapping[Replica, str],
    *,
    project: str,
    project_number: int,
    base: Mapping[str, str],
    home: Path,
    trial: TrialName | None = None,
) -> dict[str, str]:
    """The whole environment of ``replica``.

    Args:
        project: id of the job's project; Vertex AI gives the number instead.
        addresses: ``HOST:PORT`` of every replica of the job.
        base: variables of every process of this cloud (paths, the gateway's address, the ML service account).
        home: the replica's private folder.
        trial: of a tuning job, which the replica runs.
    """
    private = {"HOME": str(home), "PYTHONUNBUFFERED": "1"}
    # Where cloudml-hypertune writes metrics, in a job of either service. Its default is a file of the whole machine.
    metrics = {"CLOUD_ML_HP_METRIC_FILE": str(home / "hypertune" / "output.metrics")}
    if trial:
        metrics |= {"CLOUD_ML_TRIAL_ID": trial.id, "CLOUD_ML_HP_METRIC_TAG": trial.metric}
        if spec.service is Service.ML_ENGINE:
            metrics |= {hooks.SUMMARIES: str(home / "hypertune" / "summaries.metrics")}
    task_trial = {"trial": trial.id} if trial else {}
    if spec.service is Service.VERTEX_AI:
        variables = vertex_environ.environ(
            spec, replica, addresses, project_number=project_number, task_trial=task_trial
        )
        return {**base, **metrics, **variables, **spec.of_pool(replica.pool_index).env, **private}
    job = training_input(spec)
    tf_config: dict[str, Json] = {
        "cluster": cluster(addresses),
        "task": {
            "type": replica.task_type.value,
            "index": replica.index,
            "cloud": tenant_project(project),
            **task_trial,
        },
        "job": job,
        "environment": "cloud",
    }
    return {
        **base,
        **vertex_environ.folders(spec),
        **spec.env,
        **private,
        "TF_CONFIG": json.dumps(tf_config),
        "CLUSTER_SPEC": json.dumps(
            {
                "cluster": _roles(addresses),
                "task": {"type": _role(replica), "index": replica.index, "trial": "", **task_trial},
                "job": job,
                "environment": "cloud",
            }
        ),
        "CLOUD_ML_JOB_ID": spec.job_id,
        "CLOUD_ML_JOB": json.dumps(job),
        "CLOUD_ML_PROJECT_ID": project,
        **metrics,
    }


def _roles(addresses: Mapping[Replica, str]) -> dict[str, list[str]]:
    """All replicas, also evaluators, which are no part of TensorFlow's cluster."""
    found: dict[str, list[str]] = {}
    for replica in sorted(addresses, key=lambda replica: replica.index):
        found.setdefault(_role(replica), []).append(addresses[replica])
    return found


def _role(replica: Replica) -> str:
    """As ``CLUSTER_SPEC`` names it: only ``TF_CONFIG`` calls the primary ``chief``."""
    return "master" if replica.task_type is TaskType.CHIEF else replica.task_type.value


def training_input(spec: TrainingSpec) -> dict[str, Json]:
    """The job as its processes see it: ``TrainingInput`` in snake case, without zero values (so no BASIC)."""
    fields: Sequence[tuple[str, Json]] = (
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
    return {name: value for name, value in fields if value not in (None, [])}


def tenant_project(project: str) -> str:
    """A made-up id for Google's own project that runs the job, in Google's format: ``<letter><16 hex digits>-ml``."""
    return f"w{hashlib.sha256(project.encode()).hexdigest()[:16]}-ml"
