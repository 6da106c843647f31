"""Makes of input records what is sent to the model. Pure.

Rules: kubeflow/batch-predict (``PredictionDoFn``) for ML Engine; ``BatchPredictionJob.InstanceConfig`` in the discovery
document ``aiplatform.v1`` and
https://docs.cloud.google.com/gemini-enterprise-agent-platform/machine-learning/predictions/get-batch-predictions for
Vertex AI.
"""

import base64
import csv
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import orjson

from cloud.engine.batch_prediction.readers import MAX_RECORD
from cloud.engine.serving.signatures import Signature, choose_signature
from cloud.resources import Json
from cloud.resources.batch_prediction import InputFormat, InstanceConfig, InstanceType

csv.field_size_limit(MAX_RECORD)  # a cell may be as long as its record; Python's own limit is 128 KiB


@dataclass(slots=True)
class Batch:
    """Rows that succeed or fail together."""

    count: int
    instances: list[bytes] = field(default_factory=list)
    """The JSON of each; none if there is an error."""
    given: list[dict[str, Json]] | None = None
    """What the output has beside each prediction; None: nothing."""
    columns: tuple[str, ...] = ()
    """The names of the values of an instance that was a row of CSV."""
    error: str = ""
    """Why they cannot be sent."""
    size: int = 0
    """Bytes of the instances."""

    def __post_init__(self) -> None:
        self.size = sum(map(len, self.instances)) + len(self.instances)


Convert = Callable[[Sequence[bytes]], Batch]


def failed(count: int, error: str) -> Batch:
    return Batch(count, error=error)


# ---------------------------------------------------------------- ML Engine


def ml_engine_converter(form: InputFormat, signatures: Mapping[str, Signature], name: str | None) -> Convert:
    """
    Raises:
        PredictionFailed: the model has no such signature.
    """
    inputs = list(signatures[choose_signature(signatures, name)].inputs.values())
    if len(inputs) != 1 or inputs[0].dtype != "string":
        return _json_values
    return _strings if form is InputFormat.JSON_LINES else _bytes


def _json_values(records: Sequence[bytes]) -> Batch:
    parse = orjson.loads
    try:
        for record in records:
            parse(record)
    except orjson.JSONDecodeError:
        # Python's parser has the words, and takes NaN.
        if error := next(filter(None, map(_json_error, records)), ""):
            return failed(len(records), error)
    return Batch(len(records), list(records))


def _strings(records: Sequence[bytes]) -> Batch:
    """The raw lines."""
    return Batch(len(records), [_string(record.removesuffix(b"\r")) for record in records])


def _string(record: bytes) -> bytes:
    try:
        return orjson.dumps(record.decode())
    except UnicodeDecodeError:
        return _base64(record)


def _bytes(records: Sequence[bytes]) -> Batch:
    return Batch(len(records), [_base64(record) for record in records])


def _base64(record: bytes) -> bytes:
    return b'{"b64":"%s"}' % base64.b64encode(record)


def _json_error(record: bytes) -> str:
    try:
        json.loads(record)
    except ValueError as error:  # also of the encoding
        return str(error)
    except RecursionError:
        return "maximum recursion depth exceeded"
    return ""


# ---------------------------------------------------------------- Vertex AI


class BadInstanceError(Exception):
    """An instance is not what the job's ``instanceConfig`` says."""


def vertex_lines(config: InstanceConfig) -> Convert:
    """For ``jsonl``."""
    is_sent_as_given = config == InstanceConfig()

    def convert(records: Sequence[bytes]) -> Batch:
        instances, given = [], []
        for record in records:
            try:
                value, encode = _read(record)
                if is_sent_as_given:
                    instances.append(record)
                    given.append({"instance": value})
                else:
                    sent, shown = apply(config, value)
                    instances.append(encode(sent))
                    given.append(shown)
            except (ValueError, RecursionError, BadInstanceError) as error:
                return failed(len(records), str(error))
        return Batch(len(records), instances, given)

    return convert


def _read(record: bytes) -> tuple[Json, Callable[[Json], bytes]]:
    """The value of JSON, and what makes JSON of a part of it."""
    try:
        return orjson.loads(record), orjson.dumps
    except orjson.JSONDecodeError:  # NaN, half a surrogate pair, an integer of any size
        return json.loads(record), lambda value: json.dumps(value).encode()


def apply(config: InstanceConfig, value: Json) -> tuple[Json, dict[str, Json]]:
    """The instance that is sent, and what the output has beside the prediction.

    Raises:
        BadInstanceError: it is not the configuration's.
    """
    if not isinstance(value, dict):
        if config.type is InstanceType.ARRAY and isinstance(value, list) and config == InstanceConfig(config.type):
            return value, {"instance": value}
        raise BadInstanceError(f"The instance is not an object, which instanceConfig needs: {_shown(value)}")
    key = config.key_field
    wanted = (*config.included_fields, *((key,) if key else ()))
    if missing := next((name for name in wanted if name not in value), None):
        raise BadInstanceError(f"The instance has no field {missing!r}: {_shown(value)}")
    if config.included_fields:
        sent = {name: value[name] for name in config.included_fields}
    else:
        sent = {name: item for name, item in value.items() if name not in config.excluded_fields and name != key}
    instance: Json = sent
    if config.type is InstanceType.ARRAY:
        if not config.included_fields:
            raise BadInstanceError(
                f"An object becomes an array in the order of includedFields, which is empty: {_shown(value)}"
            )
        instance = list(sent.values())
    if key:
        return instance, {"key": value[key]}
    excluded = {name: value[name] for name in config.excluded_fields if name in value}
    return instance, {"instance": instance, **excluded}


def vertex_csv(header: bytes, key_field: str) -> Convert:
    """For the rows below a header: an array of numbers and strings each.

    Raises:
        BadInstanceError: the header is no row of names, or lacks the key.
    """
    try:
        names = next(csv.reader([header.decode("utf-8-sig")]), [])
    except (csv.Error, UnicodeDecodeError) as error:
        raise BadInstanceError(f"The header cannot be read: {error}") from error
    if key_field and key_field not in names:
        raise BadInstanceError(f"The header has no column {key_field!r}: {names[:20]}")
    key = names.index(key_field) if key_field else None

    def convert(records: Sequence[bytes]) -> Batch:
        instances, given = [], []
        for record in records:
            try:
                cells = next(csv.reader([record.decode()], quoting=csv.QUOTE_NONNUMERIC, strict=True), [])
                if len(cells) != len(names):
                    raise BadInstanceError(f"A row of {len(cells)} cells, where the header has {len(names)}.")
                shown: dict[str, Json] = {"instance": cells}
                if key is not None:
                    shown = {"key": cells.pop(key)}
                instances.append(orjson.dumps(cells))
                given.append(shown)
            except (ValueError, csv.Error, BadInstanceError) as error:
                return failed(len(records), str(error))
        return Batch(len(records), instances, given, tuple(names))

    return convert


def vertex_bytes(records: Sequence[bytes]) -> Batch:
    """For TFRecords."""
    instances = [_base64(record) for record in records]
    return Batch(len(records), instances, [{"instance": orjson.loads(instance)} for instance in instances])


def vertex_file(uri: str, content: bytes) -> tuple[bytes, dict[str, Json]]:
    """For a file of a ``file-list``: the instance, and what the output has beside the prediction."""
    return _base64(content), {"instance": uri}


def _shown(value: Json) -> str:
    return json.dumps(value)[:200]
