"""JSON of ML Engine's API for clients and servers: jobs, versions, and protobuf's scalars. Pure.

Shapes: discovery document ``ml.v1``. Scalars: https://protobuf.dev/programming-guides/json/.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from cloud.errors import InvalidArgument
from cloud.names import GsUri
from cloud.resources import (
    DEFAULT_MAX_RUNNING_TIME,
    Framework,
    Json,
    ScaleTier,
    ServingStack,
    TrainingSpec,
    VersionSpec,
)
from cloud.wire.machine_gpus import accelerator_of


@dataclass(frozen=True, slots=True)
class JobImage:
    """The image that a job's replicas run, and what of it.

    Args:
        digest: of one that was built here; empty: it is Google's business.
    """

    uri: str
    digest: str
    module: str
    args: tuple[str, ...]


def job_spec(body: Mapping[str, Json], image: JobImage | None = None) -> TrainingSpec:
    """The specification in a ``Job``. Inverse of ``training_input`` for the fields of ``TrainingSpec``.

    Args:
        image: what the job runs instead of a package's module.

    Raises:
        InvalidArgument: as ``TrainingSpec``.
    """
    training = body["trainingInput"]
    limit = training.get("scheduling", {}).get("maxRunningTime")
    return TrainingSpec(
        job_id=body.get("jobId", ""),
        package_uris=tuple(GsUri.parse(uri, "training_input.package_uris") for uri in training.get("packageUris", ())),
        python_module=image.module if image else training.get("pythonModule", ""),
        args=image.args if image else tuple(training.get("args", ())),
        image=image.uri if image else None,
        image_digest=image.digest if image else "",
        chief_in_tf_config=training.get("useChiefInTfConfig", False),
        region=training.get("region", ""),
        job_dir=GsUri.parse(training["jobDir"], "training_input.job_dir") if "jobDir" in training else None,
        scale_tier=ScaleTier(training.get("scaleTier", ScaleTier.BASIC)),
        worker_count=int(training.get("workerCount", 0)),
        parameter_server_count=int(training.get("parameterServerCount", 0)),
        evaluator_count=int(training.get("evaluatorCount", 0)),
        runtime_version=training.get("runtimeVersion"),
        python_version=training.get("pythonVersion"),
        labels=body.get("labels", {}),
        service_account=training.get("serviceAccount", ""),
        max_running_time=DEFAULT_MAX_RUNNING_TIME if limit is None else seconds(limit),
        gpus=_gpus(training),
    )


def _gpus(training: Mapping[str, Json]) -> tuple[str, ...]:
    """Kinds that a ``TrainingInput`` asks for, or that come with its machine types (``complex_model_m_p100``)."""
    kinds: list[str] = []
    for role in ("master", "worker", "parameterServer", "evaluator"):
        config = training.get(f"{role}Config", {}).get("acceleratorConfig", {})
        if int(config.get("count", 0)):
            kinds.append(config.get("type", ""))
        machine = training.get(f"{role}Type", "")
        _, _, suffix = machine.rpartition("_")
        if suffix in ("gpu", "p100", "v100"):
            kinds.append(f"NVIDIA_TESLA_{'K80' if suffix == 'gpu' else suffix.upper()}")
        elif built_in := accelerator_of({"machineType": machine}):
            kinds.append(built_in)
    return tuple(dict.fromkeys(kinds))


def training_input(spec: TrainingSpec) -> dict[str, Json]:
    """The ``TrainingInput`` of a job, without default values."""
    limit = spec.max_running_time
    fields = {
        "scaleTier": None if spec.scale_tier is ScaleTier.BASIC else spec.scale_tier.value,
        "workerCount": str(spec.worker_count) if spec.worker_count else None,
        "parameterServerCount": str(spec.parameter_server_count) if spec.parameter_server_count else None,
        "evaluatorCount": str(spec.evaluator_count) if spec.evaluator_count else None,
        "packageUris": [str(uri) for uri in spec.package_uris],
        "pythonModule": spec.python_module,
        "args": list(spec.args) or None,
        "region": spec.region or None,
        "runtimeVersion": spec.runtime_version or None,
        "pythonVersion": spec.python_version or None,
        "jobDir": str(spec.job_dir) if spec.job_dir else None,
        "serviceAccount": spec.service_account or None,
        "scheduling": None if limit == DEFAULT_MAX_RUNNING_TIME else {"maxRunningTime": duration(limit)},
    }
    return {name: value for name, value in fields.items() if value is not None}


def version_spec(model: str, body: Mapping[str, Json]) -> VersionSpec:
    """The specification in a ``Version``. Machines of Compute Engine run TensorFlow Serving for SavedModels
    (https://cloud.google.com/ai-platform/prediction/docs/machine-types-online-prediction).

    Raises:
        InvalidArgument: as ``VersionSpec``, or ``deploymentUri`` is missing.
    """
    if "deploymentUri" not in body:
        raise InvalidArgument("A deployment directory is required.", field="version.deployment_uri")
    framework = Framework(body.get("framework", Framework.TENSORFLOW))
    is_compute_engine = body.get("machineType", "").startswith("n1-")
    return VersionSpec(
        model=model,
        name=body.get("name", ""),
        deployment_uri=GsUri.parse(body["deploymentUri"], "version.deployment_uri"),
        runtime_version=body.get("runtimeVersion"),
        python_version=body.get("pythonVersion"),
        description=body.get("description", ""),
        framework=framework,
        serving_stack=(
            ServingStack.TENSORFLOW_SERVING
            if is_compute_engine and framework is Framework.TENSORFLOW
            else ServingStack.PREDICTION_LIBRARY
        ),
    )


def timestamp(moment: datetime) -> str:
    """In whole seconds, as ML Engine writes times."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def moment(text: str | None) -> datetime | None:
    """Inverse of ``timestamp`` and ``precise_timestamp``; None of a field that is not there."""
    return datetime.fromisoformat(text) if text else None


def precise_timestamp(moment: datetime) -> str:
    """In microseconds, as protobuf's JSON has times."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def duration(value: float) -> str:
    """Seconds as protobuf's JSON has durations: ``7200s``, ``0.500s``."""
    whole, _, digits = f"{value:.9f}".partition(".")
    digits = digits.rstrip("0")
    return f"{whole}.{digits.ljust(-(-len(digits) // 3) * 3, '0')}s" if digits else f"{whole}s"


def seconds(text: str) -> float:
    """Inverse of ``duration``."""
    return float(text.removesuffix("s"))
