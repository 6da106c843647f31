"""The environment variables that Vertex AI sets for a replica. Pure.

Facts: "Environment variables for special Cloud Storage directories" and "Distributed training" of Vertex AI's
documentation on custom training, and the Python SDK (``google.cloud.aiplatform.training_utils``).
"""

import json
from collections.abc import Mapping

from cloud.engine.jobs.replicas import Replica, cluster
from cloud.engine.runtimes import image_program
from cloud.resources import Json, TrainingSpec


def environ(
    spec: TrainingSpec,
    replica: Replica,
    addresses: Mapping[Replica, str],
    *,
    project_number: int,
    task_trial: Mapping[str, str],
) -> dict[str, str]:
    """Variables that describe the job, its project and the other replicas.

    Args:
        addresses: ``HOST:PORT`` of every replica of the job.
        task_trial: of a tuning job what ``task`` says of the trial; otherwise empty.
    """
    job = job_spec(spec, addresses)
    variables = {
        "CLOUD_ML_JOB_ID": spec.job_id,
        "CLOUD_ML_PROJECT_ID": str(project_number),
        "CLOUD_ML_REGION": spec.region,
        "CLUSTER_SPEC": json.dumps(
            {
                "cluster": _pools(addresses),
                "environment": "cloud",
                "task": {"type": replica.pool, "index": replica.index, "trial": "", **task_trial},
                "job": job,
            }
        ),
    }
    if len(addresses) > 1:
        task = {"type": replica.task_type.value, "index": replica.index, **task_trial}
        variables["TF_CONFIG"] = json.dumps(
            {"cluster": cluster(addresses), "environment": "cloud", "job": job, "task": task}
        )
    return variables | folders(spec)


def folders(spec: TrainingSpec) -> dict[str, str]:
    """The variables that name folders of the job's output, if it has one."""
    if spec.base_output_directory is None:
        return {}
    below = {"MODEL_DIR": "model", "CHECKPOINT_DIR": "checkpoints", "TENSORBOARD_LOG_DIR": "logs"}
    return {f"AIP_{name}": f"{spec.base_output_directory / folder}/" for name, folder in below.items()}


def job_spec(spec: TrainingSpec, addresses: Mapping[Replica, str]) -> dict[str, Json]:
    """The job as its processes see it: ``CustomJobSpec`` in snake case, without machine specifications."""
    counts: dict[str, int] = {}
    for replica in addresses:
        counts[replica.pool] = counts.get(replica.pool, 0) + 1
    last = max(counts, default="workerpool0")
    pools = [f"workerpool{index}" for index in range(int(last[-1]) + 1)]
    job: dict[str, Json] = {
        "worker_pool_specs": [
            {"replica_count": str(counts[pool]), **_program(spec.of_pool(index))} if pool in counts else {}
            for index, pool in enumerate(pools)
        ]
    }
    if spec.base_output_directory is not None:
        job["base_output_directory"] = {"output_uri_prefix": str(spec.base_output_directory)}
    return job


def _program(spec: TrainingSpec) -> dict[str, Json]:
    env = [{"name": name, "value": value} for name, value in spec.env.items()]
    if spec.image_digest:
        # What it runs was put together of the image's entry point, `command` and `args`.
        words = "command" if spec.python_module == image_program.MODULE else "args"
        container: dict[str, Json] = {"image_uri": spec.image, words: list(spec.args), "env": env}
        return {"container_spec": {name: value for name, value in container.items() if value}}
    program = {
        "executor_image_uri": spec.image,
        "package_uris": [str(uri) for uri in spec.package_uris],
        "python_module": spec.python_module,
        "args": list(spec.args),
        "env": env,
    }
    return {"python_package_spec": {name: value for name, value in program.items() if value}}


def _pools(addresses: Mapping[Replica, str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for replica in sorted(addresses, key=lambda replica: (replica.pool, replica.index)):
        found.setdefault(replica.pool, []).append(addresses[replica])
    return found
