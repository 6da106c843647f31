"""The specification of a batch prediction job. A value.

Rules: ``GoogleCloudMlV1__PredictionInput`` of the discovery document ``ml.v1``, ``BatchPredictionJob`` of
``aiplatform.v1``.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from cloud.errors import InvalidArgument
from cloud.names import GsUri, check_object
from cloud.resources.jobs import JobSpec, Service
from cloud.resources.models import Framework, Json, ServingStack

_LONGEST_NAME = "prediction.errors_stats-00000-of-00001"
"""Of a file of results."""


class InputFormat(StrEnum):
    JSON_LINES = "JSON_LINES"
    """An instance a line."""
    TF_RECORD = "TF_RECORD"
    TF_RECORD_GZIP = "TF_RECORD_GZIP"
    CSV = "CSV"
    """Vertex AI only, like ``FILE_LIST``: with a header; a row becomes an array."""
    FILE_LIST = "FILE_LIST"
    """The URI of a file a line, whose content is an instance."""


class OutputFormat(StrEnum):
    JSON_LINES = "JSON_LINES"
    CSV = "CSV"


class InstanceType(StrEnum):
    OBJECT = "object"
    ARRAY = "array"


@dataclass(frozen=True, slots=True)
class InstanceConfig:
    """How an input line becomes the instance that is sent to the model (``BatchPredictionJob.InstanceConfig``)."""

    type: InstanceType | None = None
    key_field: str = ""
    """Removed from the instance, and written with the prediction in its place."""
    included_fields: tuple[str, ...] = ()
    excluded_fields: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BatchPredictionSpec(JobSpec):
    """A batch prediction job. Its model is a version that is deployed (``model``), or files (``model_uri``).

    Raises:
        InvalidArgument: names the field, in the form of the job's service.
    """

    input_uris: tuple[GsUri, ...]
    """Objects, or patterns: on ML Engine with ``*`` as the last character only."""
    output_uri: GsUri
    """The folder: on ML Engine of the results, on Vertex AI of the folder ``prediction-MODEL-TIME`` that is made for
    them."""
    input_format: InputFormat = InputFormat.JSON_LINES
    output_format: OutputFormat = OutputFormat.JSON_LINES
    model: str = ""
    """Its bare id; empty: ``model_uri``."""
    version: str | None = None
    """None: the default version when the job starts."""
    model_uri: GsUri | None = None
    """A folder with a model that was not deployed: on ML Engine a SavedModel, on Vertex AI the artifact of a Model."""
    runtime_version: str | None = None
    """Of ``model_uri``, on ML Engine. A deployed version is served as it is, whichever is given."""
    image: str | None = None
    """Of ``model_uri``, on Vertex AI: the prebuilt image that serves it."""
    framework: Framework = Framework.TENSORFLOW
    """Of ``model_uri``, like ``serving_stack``."""
    serving_stack: ServingStack = ServingStack.PREDICTION_LIBRARY
    signature_name: str | None = None
    batch_size: int = 64
    """Rows that fail together."""
    instance_config: InstanceConfig = InstanceConfig()
    parameters: Json = None
    """Vertex AI only: sent with each request (``modelParameters``)."""
    model_display_name: str = ""
    """Vertex AI only: part of the name of the output's folder."""
    gpus: tuple[str, ...] = ()
    """Vertex AI only: the kinds of GPU (``NVIDIA_TESLA_T4``) that its machines are to have."""

    def __post_init__(self) -> None:
        JobSpec.__post_init__(self)
        if self.service is Service.VERTEX_AI:
            _check_vertex_ai(self)
        else:
            _check_ml_engine(self)

    def results_uri(self, create_time: datetime) -> GsUri:
        """The folder of the results of a job that was created then."""
        if self.service is Service.ML_ENGINE:
            return self.output_uri
        time = create_time.astimezone(UTC).isoformat(timespec="milliseconds")
        stamp = re.sub(r"[-:.]", "_", time.removesuffix("+00:00")) + "Z"
        model = re.sub(r"[/\r\n]", "_", self.model_display_name or self.model)
        return self.output_uri / f"prediction-{model}-{stamp}"


def _check_ml_engine(spec: BatchPredictionSpec) -> None:
    below = "job.prediction_input"
    _check_files(spec, f"{below}.input_paths", f"{below}.output_path", f"{below}.batch_size")
    for uri in spec.input_uris:
        if uri.has_wildcard() and f"{uri.literal_prefix}*" != uri.path:
            raise InvalidArgument(
                f"A path may have one wildcard, '*' as its last character: {str(uri)!r}.", field=f"{below}.input_paths"
            )
    _check_model(spec, f"{below}.model_name", "One of modelName, versionName and uri")
    if spec.input_format in (InputFormat.CSV, InputFormat.FILE_LIST):
        raise InvalidArgument(
            f"The input is JSON, TEXT, TF_RECORD or TF_RECORD_GZIP, not {spec.input_format}: CSV is for the output.",
            field=f"{below}.data_format",
        )
    if spec.framework is not Framework.TENSORFLOW:
        raise InvalidArgument(f"Batch prediction is for TensorFlow models, not {spec.framework}.", field=f"{below}.uri")
    for name, default in (
        ("image", None),
        ("instance_config", InstanceConfig()),
        ("parameters", None),
        ("model_display_name", ""),
        ("gpus", ()),
    ):
        if getattr(spec, name) != default:
            raise InvalidArgument("only for service VERTEX_AI, not ML_ENGINE", field=f"{below}.{name}")


def _check_vertex_ai(spec: BatchPredictionSpec) -> None:
    below = "batch_prediction_job"
    _check_files(
        spec,
        f"{below}.input_config.gcs_source.uris",
        f"{below}.output_config.gcs_destination.output_uri_prefix",
        f"{below}.manual_batch_tuning_parameters.batch_size",
    )
    _check_model(spec, f"{below}.model", "A model")
    _check_instance_config(spec, f"{below}.instance_config")
    if spec.runtime_version:
        raise InvalidArgument("only for service ML_ENGINE, not VERTEX_AI", field=f"{below}.runtime_version")


def _check_files(spec: BatchPredictionSpec, inputs: str, output: str, batch_size: str) -> None:
    if not spec.input_uris:
        raise InvalidArgument("At least one input file is required.", field=inputs)
    for uri in spec.input_uris:
        if not uri.path or uri.path.endswith("/"):
            raise InvalidArgument(
                f"A file, or a pattern such as '{uri.as_folder()}*', and no folder: {str(uri)!r}.", field=inputs
            )
    if spec.output_uri.has_wildcard():
        raise InvalidArgument(f"A folder's name, not a pattern: {str(spec.output_uri)!r}.", field=output)
    try:
        check_object((spec.results_uri(datetime.now(UTC)) / _LONGEST_NAME).path)
    except InvalidArgument as error:
        raise InvalidArgument(f"No result can have a name below it: {error.message}", field=output) from None
    if spec.batch_size < 1:
        raise InvalidArgument(f"At least one row is in a batch, not {spec.batch_size}.", field=batch_size)


def _check_model(spec: BatchPredictionSpec, field: str, what: str) -> None:
    if not spec.model and spec.model_uri is None:
        raise InvalidArgument(f"{what} is required.", field=field)
    if spec.model and spec.model_uri is not None:
        raise InvalidArgument(f"{what} is required, not several.", field=field)
    if spec.version is not None and not spec.model:
        raise InvalidArgument(f"Version {spec.version!r} has no model.", field=field)


def _check_instance_config(spec: BatchPredictionSpec, field: str) -> None:
    config, is_lines = spec.instance_config, spec.input_format is InputFormat.JSON_LINES
    if config.included_fields and config.excluded_fields:
        raise InvalidArgument("Fields are included or excluded, not both.", field=f"{field}.excluded_fields")
    for name in ("included_fields", "excluded_fields"):
        if getattr(config, name) and not is_lines:
            raise InvalidArgument(
                f"Only instances in jsonl have fields to choose, not those in {spec.input_format}.",
                field=f"{field}.{name}",
            )
    if config.key_field and not (is_lines or spec.input_format is InputFormat.CSV):
        raise InvalidArgument(
            f"Only instances in jsonl and csv have a key, not those in {spec.input_format}.",
            field=f"{field}.key_field",
        )
    if config.type is not None and not is_lines:
        raise InvalidArgument(
            f"It does not apply to {spec.input_format}, only to jsonl.", field=f"{field}.instance_type"
        )
    if config.key_field and config.key_field in config.included_fields:
        raise InvalidArgument(
            f"The key {config.key_field!r} is never part of the instance.", field=f"{field}.included_fields"
        )
