"""JSON of Vertex AI's batch prediction jobs, for clients and servers. Pure.

Shapes: ``BatchPredictionJob`` of the discovery document ``aiplatform.v1``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from cloud.errors import InvalidArgument
from cloud.names import GsUri
from cloud.resources import Framework, Json, PredictionCounts, Service, ServingStack
from cloud.resources.batch_prediction import (
    BatchPredictionSpec,
    InputFormat,
    InstanceConfig,
    InstanceType,
    OutputFormat,
)
from cloud.wire.machine_gpus import accelerator_of

T = TypeVar("T")
_FIELD = "batch_prediction_job"
_DEFAULT_BATCH_SIZE = 64
_UNREADABLE = 3
"""``google.rpc.Code`` of a partial failure."""
INPUT_FORMATS = {
    "jsonl": InputFormat.JSON_LINES,
    "csv": InputFormat.CSV,
    "tf-record": InputFormat.TF_RECORD,
    "tf-record-gzip": InputFormat.TF_RECORD_GZIP,
    "file-list": InputFormat.FILE_LIST,
}
OUTPUT_FORMATS = {"jsonl": OutputFormat.JSON_LINES, "csv": OutputFormat.CSV}
_INPUT_NAMES = {form: name for name, form in INPUT_FORMATS.items()}
_OUTPUT_NAMES = {form: name for name, form in OUTPUT_FORMATS.items()}


@dataclass(frozen=True, slots=True)
class PredictionModel:
    """What of a job's model is in its specification: a deployed version, or files."""

    display_name: str = ""
    model: str = ""
    version: str | None = None
    uri: GsUri | None = None
    image: str | None = None
    framework: Framework = Framework.TENSORFLOW
    serving_stack: ServingStack = ServingStack.PREDICTION_LIBRARY


def batch_prediction_spec(
    job_id: str, body: Mapping[str, Json], model: PredictionModel, *, location: str
) -> BatchPredictionSpec:
    """The specification in a ``BatchPredictionJob``. Inverse of ``batch_prediction_body``.

    Args:
        model: what the body names.

    Raises:
        InvalidArgument: as ``BatchPredictionSpec``, or something that is not emulated.
    """
    source, target = body.get("inputConfig", {}), body.get("outputConfig", {})
    _refuse_other_places(source, target)
    uris = f"{_FIELD}.input_config.gcs_source.uris"
    prefix = f"{_FIELD}.output_config.gcs_destination.output_uri_prefix"
    machine = body.get("dedicatedResources", {}).get("machineSpec", {})
    return BatchPredictionSpec(
        job_id=job_id,
        region=location,
        labels=body.get("labels", {}),
        service=Service.VERTEX_AI,
        service_account=body.get("serviceAccount", ""),
        input_uris=tuple(GsUri.parse(uri, uris) for uri in source.get("gcsSource", {}).get("uris", ())),
        output_uri=GsUri.parse(target.get("gcsDestination", {}).get("outputUriPrefix", ""), prefix),
        input_format=_one_of(INPUT_FORMATS, source.get("instancesFormat", ""), "input_config.instances_format"),
        output_format=_one_of(OUTPUT_FORMATS, target.get("predictionsFormat", ""), "output_config.predictions_format"),
        batch_size=body.get("manualBatchTuningParameters", {}).get("batchSize", 0) or _DEFAULT_BATCH_SIZE,
        instance_config=_instance_config(body.get("instanceConfig", {})),
        parameters=body.get("modelParameters"),
        model=model.model,
        version=model.version,
        model_uri=model.uri,
        image=model.image,
        framework=model.framework,
        serving_stack=model.serving_stack,
        model_display_name=model.display_name,
        gpus=(gpu,) if (gpu := accelerator_of(machine)) else (),
    )


def batch_prediction_body(spec: BatchPredictionSpec, model: str) -> dict[str, Json]:
    """The ``BatchPredictionJob`` that requests a job, without its machines and its display name.

    Args:
        model: its full name, with a version.
    """
    config = {
        "instanceType": spec.instance_config.type.value if spec.instance_config.type else None,
        "keyField": spec.instance_config.key_field or None,
        "includedFields": list(spec.instance_config.included_fields) or None,
        "excludedFields": list(spec.instance_config.excluded_fields) or None,
    }
    body: dict[str, Json] = {
        "model": model,
        "inputConfig": {
            "instancesFormat": _INPUT_NAMES[spec.input_format],
            "gcsSource": {"uris": [str(uri) for uri in spec.input_uris]},
        },
        "outputConfig": {
            "predictionsFormat": _OUTPUT_NAMES[spec.output_format],
            "gcsDestination": {"outputUriPrefix": str(spec.output_uri)},
        },
        "instanceConfig": _present(config) or None,
        "modelParameters": spec.parameters,
        "labels": dict(spec.labels) or None,
        "serviceAccount": spec.service_account or None,
    }
    if spec.batch_size != _DEFAULT_BATCH_SIZE:
        body["manualBatchTuningParameters"] = {"batchSize": spec.batch_size}
    return _present(body)


def outcome(counts: PredictionCounts, *, is_complete: bool) -> dict[str, Json]:
    """The fields of a ``BatchPredictionJob`` that tell what it did, in which zeros are left out.

    Args:
        is_complete: whether all instances were tried.
    """
    stats = {
        "successfulCount": str(counts.succeeded) if counts.succeeded else None,
        "failedCount": str(counts.failed) if counts.failed else None,
        "incompleteCount": None if is_complete else "-1",
    }
    failures = [{"code": _UNREADABLE, "message": text} for text in counts.partial_failures]
    fields: dict[str, Json] = {
        "outputInfo": {"gcsOutputDirectory": str(counts.output_uri)} if counts.output_uri else None,
        "completionStats": _present(stats),
        "partialFailures": failures or None,
    }
    return _present(fields)


def prediction_counts(job: Mapping[str, Json]) -> PredictionCounts:
    """Inverse of ``outcome``."""
    stats, folder = job.get("completionStats", {}), job.get("outputInfo", {}).get("gcsOutputDirectory")
    return PredictionCounts(
        succeeded=int(stats.get("successfulCount", 0)),
        failed=int(stats.get("failedCount", 0)),
        output_uri=GsUri.parse(folder) if folder else None,
        partial_failures=tuple(status.get("message", "") for status in job.get("partialFailures", ())),
    )


def _refuse_other_places(source: Mapping[str, Json], target: Mapping[str, Json]) -> None:
    named = (source.get("instancesFormat"), target.get("predictionsFormat"))
    for place, given, index, mend in (
        ("input_config", source, 0, "export the table to files (jsonl, csv) in a bucket, and name those"),
        ("output_config", target, 1, "write jsonl or csv to a bucket, and load those files"),
    ):
        if named[index] == "bigquery" or any(name.startswith("bigquery") for name in given):
            raise InvalidArgument(f"There is no BigQuery here: {mend}.", field=f"{_FIELD}.{place}")
        if any(name.startswith("vertexMultimodalDataset") for name in given):
            raise InvalidArgument("There are no datasets here: name files in a bucket.", field=f"{_FIELD}.{place}")


def _instance_config(given: Mapping[str, Json]) -> InstanceConfig:
    kind = given.get("instanceType", "")
    known = {each.value: each for each in InstanceType}
    return InstanceConfig(
        type=_one_of(known, kind, "instance_config.instance_type") if kind else None,
        key_field=given.get("keyField", ""),
        included_fields=tuple(given.get("includedFields", ())),
        excluded_fields=tuple(given.get("excludedFields", ())),
    )


def _present(fields: Mapping[str, Json]) -> dict[str, Json]:
    return {name: value for name, value in fields.items() if value is not None}


def _one_of(known: Mapping[str, T], name: str, field: str) -> T:
    if name not in known:
        raise InvalidArgument(f"One of {', '.join(known)} is required, not {name[:60]!r}.", field=f"{_FIELD}.{field}")
    return known[name]
