"""ML Engine's JSON and the vocabulary of ``cloud.resources``, each made from the other. Pure.

What only the JSON has is in ``Record.fields``. Shapes: discovery document ``ml.v1``; which fields a reply leaves out:
replies of the service seen in public.
"""

from collections.abc import Mapping
from datetime import datetime

from cloud.emulator.ml_v1.tables import DEFAULT_GLOBAL_MACHINE, ML_UNITS_PER_HOUR
from cloud.emulator.rest.operations import Operation
from cloud.emulator.rest.records import Record
from cloud.lifecycle import JobState
from cloud.resources import Job, JobSpec, Json, Model, PredictionCounts, TrainingSpec, Version, as_training
from cloud.resources.batch_prediction import BatchPredictionSpec
from cloud.resources.tuning import TuningSpec
from cloud.wire.ml_v1 import timestamp, training_input
from cloud.wire.ml_v1_prediction import prediction_input, prediction_output
from cloud.wire.ml_v1_tuning import hyperparameters, training_output

JOB_FIELDS = ("trainingInput", "predictionInput", "labels")
MODEL_FIELDS = ("description", "regions", "onlinePredictionLogging", "onlinePredictionConsoleLogging", "labels")
VERSION_FIELDS = (
    "description",
    "machineType",
    "acceleratorConfig",
    "framework",
    "autoScaling",
    "manualScaling",
    "explanationConfig",
    "labels",
)
"""Fields of a request that are recorded; the rest is output only, or not set at creation."""
_TYPE = "type.googleapis.com/google.cloud.ml.v1."


def recorded(body: Mapping[str, Json], fields: tuple[str, ...]) -> dict[str, Json]:
    """The fields of a request's body that a record has."""
    return {name: body[name] for name in fields if name in body}


# ---------------------------------------------------------------- jobs


def job_json(job: Job, record: Record, now: datetime, project: str) -> dict[str, Json]:
    """``Job`` as every method answers it.

    Args:
        now: end of a running job's consumption.
    """
    labels = record.fields.get("labels", {}) if record.revision else job.spec.labels
    answer: dict[str, Json] = {
        "jobId": job.job_id,
        **_input(job.spec, record, project),
        "createTime": timestamp(job.create_time),
    }
    if job.start_time is not None:
        answer["startTime"] = timestamp(job.start_time)
    if job.end_time is not None:
        answer["endTime"] = timestamp(job.end_time)
    answer["state"] = job.state.value
    if job.error_message and job.state is not JobState.SUCCEEDED:
        answer["errorMessage"] = job.error_message
    answer |= _output(job, now)
    if labels:
        answer["labels"] = dict(labels)
    return answer | {"etag": record.etag}


def _input(spec: JobSpec, record: Record, project: str) -> dict[str, Json]:
    if isinstance(spec, BatchPredictionSpec):
        return {"predictionInput": record.fields.get("predictionInput") or prediction_input(spec, project)}
    return {"trainingInput": record.fields.get("trainingInput") or _training_input(spec)}


def _training_input(spec: JobSpec) -> dict[str, Json]:
    if isinstance(spec, TuningSpec):
        return {**training_input(spec.training), "hyperparameters": hyperparameters(spec)}
    return training_input(as_training(spec))


def _output(job: Job, now: datetime) -> dict[str, Json]:
    spec, hours = job.spec, _hours(job.start_time, job.end_time or now)
    if isinstance(spec, BatchPredictionSpec):
        return {"predictionOutput": prediction_output(job.predictions or PredictionCounts(), hours)}
    if isinstance(spec, TuningSpec):
        hours = sum(_hours(trial.start_time, trial.end_time or now) for trial in job.trials)
        return {"trainingOutput": _consumed(spec.training, hours) | training_output(job, spec)}
    return {"trainingOutput": _consumed(job.training, hours)}


def _consumed(spec: TrainingSpec, hours: float) -> dict[str, Json]:
    units = round(ML_UNITS_PER_HOUR.get(spec.scale_tier.value, 0.0) * hours, 2)
    return {"consumedMLUnits": units} if units else {}


def _hours(start: datetime | None, end: datetime) -> float:
    return 0.0 if start is None else max(0.0, (end - start).total_seconds() / 3600)


# ---------------------------------------------------------------- models and versions


def model_name(project: str, model: str) -> str:
    return f"projects/{project}/models/{model}"


def version_name(project: str, model: str, version: str) -> str:
    return f"{model_name(project, model)}/versions/{version}"


def model_json(project: str, model: Model, record: Record, default: Mapping[str, Json] | None) -> dict[str, Json]:
    """``Model``; ``default`` is the JSON of its default version, if it has one."""
    description = record.fields.get("description", "") if record.revision else model.description
    answer: dict[str, Json] = {"name": model_name(project, model.name)}
    if description:
        answer["description"] = description
    answer["regions"] = record.fields.get("regions") or [model.region]
    if default is not None:
        answer["defaultVersion"] = dict(default)
    switches = ("onlinePredictionLogging", "onlinePredictionConsoleLogging", "labels")
    return answer | recorded(record.fields, switches) | {"etag": record.etag}


def version_json(project: str, version: Version, record: Record) -> dict[str, Json]:
    """``Version`` as every method answers it."""
    spec, fields = version.spec, record.fields
    given = {
        "name": version_name(project, version.model, version.name),
        "description": fields.get("description", "") if record.revision else spec.description,
        "isDefault": version.is_default,
        "deploymentUri": str(spec.deployment_uri),
        "createTime": timestamp(version.create_time),
        "runtimeVersion": spec.runtime_version,
        "machineType": machine_type(record),
        "framework": fields.get("framework", spec.framework.value),
        "pythonVersion": spec.python_version,
        "state": version.state.value,
        "errorMessage": version.error_message,
        "etag": record.etag,
    }
    known = {name: value for name, value in given.items() if value}
    return known | {name: value for name, value in fields.items() if name not in given}


def machine_type(record: Record) -> str:
    """Of a version; one that was not made through this API is on the global endpoint's default machine."""
    return str(record.fields.get("machineType", DEFAULT_GLOBAL_MACHINE))


# ---------------------------------------------------------------- operations


def operation_json(project: str, operation: Operation) -> dict[str, Json]:
    """``google.longrunning.Operation`` of this API."""
    metadata = typed("OperationMetadata", operation.metadata)
    return operation.json(f"projects/{project}/operations/{operation.name}", metadata)


def typed(kind: str, value: Mapping[str, Json]) -> dict[str, Json]:
    """``value`` as a ``google.protobuf.Any`` of this API's message ``kind``."""
    return {"@type": f"{_TYPE}{kind}"} | dict(value)
