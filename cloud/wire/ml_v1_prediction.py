"""JSON of ML Engine's batch prediction jobs, for clients and servers. Pure.

Shapes: discovery document ``ml.v1``, ``GoogleCloudMlV1__PredictionInput`` and ``…PredictionOutput``.
"""

import re
from collections.abc import Mapping
from typing import TypeVar

from cloud.errors import InvalidArgument
from cloud.names import GsUri
from cloud.resources import Json, PredictionCounts
from cloud.resources.batch_prediction import BatchPredictionSpec, InputFormat, OutputFormat

T = TypeVar("T")
_FIELD = "job.prediction_input"
_INPUTS = {
    "JSON": InputFormat.JSON_LINES,
    "TEXT": InputFormat.JSON_LINES,  # gcloud's only name for it
    "TF_RECORD": InputFormat.TF_RECORD,
    "TF_RECORD_GZIP": InputFormat.TF_RECORD_GZIP,
    "CSV": InputFormat.CSV,
}
_INPUT_NAMES = {form: name for name, form in _INPUTS.items() if name != "TEXT"}
_OUTPUTS = {"JSON": OutputFormat.JSON_LINES, "TEXT": OutputFormat.JSON_LINES, "CSV": OutputFormat.CSV}
_MODEL = re.compile(r"projects/([^/]+)/models/([^/]+)")
_VERSION = re.compile(_MODEL.pattern + r"/versions/([^/]+)")


def batch_prediction_spec(body: Mapping[str, Json], project: str) -> BatchPredictionSpec:
    """The specification in a ``Job`` with a ``predictionInput``. Inverse of ``prediction_input``.

    Args:
        project: of the job, whose models it may use.

    Raises:
        InvalidArgument: as ``BatchPredictionSpec``, or a required field is missing.
    """
    given = body["predictionInput"]
    model, version = _model(given, project)
    return BatchPredictionSpec(
        job_id=body.get("jobId", ""),
        labels=body.get("labels", {}),
        region=given.get("region", ""),
        input_uris=tuple(GsUri.parse(path, f"{_FIELD}.input_paths") for path in given.get("inputPaths", ())),
        output_uri=GsUri.parse(given.get("outputPath", ""), f"{_FIELD}.output_path"),
        input_format=_one_of(_INPUTS, given.get("dataFormat", ""), "data_format"),
        output_format=_one_of(_OUTPUTS, given.get("outputDataFormat", "JSON"), "output_data_format"),
        model=model,
        version=version,
        model_uri=GsUri.parse(given["uri"], f"{_FIELD}.uri") if "uri" in given else None,
        runtime_version=given.get("runtimeVersion"),
        signature_name=given.get("signatureName"),
        batch_size=int(given.get("batchSize", 64)),
    )


def prediction_input(spec: BatchPredictionSpec, project: str) -> dict[str, Json]:
    """The ``PredictionInput`` of a job, without default values."""
    model = f"projects/{project}/models/{spec.model}"
    fields = {
        "dataFormat": _INPUT_NAMES[spec.input_format],
        "outputDataFormat": None if spec.output_format is OutputFormat.JSON_LINES else spec.output_format.value,
        "inputPaths": [str(uri) for uri in spec.input_uris],
        "outputPath": str(spec.output_uri),
        "modelName": model if spec.model and spec.version is None else None,
        "versionName": f"{model}/versions/{spec.version}" if spec.model and spec.version is not None else None,
        "uri": str(spec.model_uri) if spec.model_uri else None,
        "region": spec.region or None,
        "runtimeVersion": spec.runtime_version,
        "signatureName": spec.signature_name,
        "batchSize": None if spec.batch_size == 64 else str(spec.batch_size),
    }
    return {name: value for name, value in fields.items() if value is not None}


def prediction_output(counts: PredictionCounts, node_hours: float = 0.0) -> dict[str, Json]:
    """A ``PredictionOutput``, in which zeros are left out."""
    fields: dict[str, Json] = {
        "outputPath": str(counts.output_uri) if counts.output_uri else None,
        "predictionCount": str(counts.succeeded) if counts.succeeded else None,
        "errorCount": str(counts.failed) if counts.failed else None,
        "nodeHours": round(node_hours, 2) or None,
    }
    return {name: value for name, value in fields.items() if value is not None}


def prediction_counts(output: Mapping[str, Json]) -> PredictionCounts:
    """Inverse of ``prediction_output``."""
    return PredictionCounts(
        succeeded=int(output.get("predictionCount", 0)),
        failed=int(output.get("errorCount", 0)),
        output_uri=GsUri.parse(output["outputPath"]) if "outputPath" in output else None,
    )


def _model(given: Mapping[str, Json], project: str) -> tuple[str, str | None]:
    """Model and version; an empty one for ``uri``."""
    named = [name for name in ("modelName", "versionName", "uri") if given.get(name)]
    if len(named) != 1:
        raise InvalidArgument(
            f"One of modelName, versionName and uri is required{', not ' + ' and '.join(named) if named else ''}.",
            field=f"{_FIELD}.model_name",
        )
    if named == ["modelName"]:
        return _parts(_MODEL, given["modelName"], project, "model_name")[0], None
    if named == ["versionName"]:
        model, version = _parts(_VERSION, given["versionName"], project, "version_name")
        return model, version
    return "", None


def _parts(pattern: re.Pattern[str], name: str, project: str, field: str) -> tuple[str, ...]:
    match = pattern.fullmatch(name)
    form = pattern.pattern.replace("([^/]+)", "{}").format("PROJECT", "MODEL", "VERSION")
    if match is None:
        raise InvalidArgument(f"Of the form {form}, not {name[:200]!r}.", field=f"{_FIELD}.{field}")
    if match[1] != project:
        raise InvalidArgument(
            f"A model of project {project}, the job's own, not of {match[1][:100]!r}.", field=f"{_FIELD}.{field}"
        )
    return match.groups()[1:]


def _one_of(known: Mapping[str, T], name: str, field: str) -> T:
    if name not in known:
        raise InvalidArgument(f"One of {', '.join(known)} is required, not {name[:60]!r}.", field=f"{_FIELD}.{field}")
    return known[name]
