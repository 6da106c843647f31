"""Reads a request of TensorFlow Serving's predict API: by row (``instances``) or by column (``inputs``). Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from cloud.engine.serving.signatures import DEFAULT_SIGNATURE, Signature, TensorSpec
from cloud.engine.serving.tf_serving.json_reader import read_json
from cloud.engine.serving.tf_serving.json_text import debug_text
from cloud.engine.serving.tf_serving.tensors import check_value, is_base64, rows_to_array, to_array
from cloud.errors import CloudError, PredictionFailed, Unimplemented
from cloud.resources import Json

Inputs = Mapping[str, TensorSpec]


@dataclass(frozen=True, slots=True)
class Form:
    """What decides how a request is run and answered. Requests of one form can share a call if they have rows."""

    signature: str
    by_column: bool


@dataclass(frozen=True, slots=True)
class Request:
    form: Form
    items: list[Json]
    """The instances, at least one; by column the value of ``inputs`` alone."""


def read_body(body: bytes, signatures: Mapping[str, Signature]) -> Request:
    """Raises:
    PredictionFailed: it is no such request, or names no signature of the model.
    """
    return read_request(read_json(body), signatures)


def read_request(request: Json, signatures: Mapping[str, Signature]) -> Request:
    """``read_body`` of a request that is parsed already."""
    if type(request) is not dict:
        raise _wrong_form(request, "Is not object")
    given = request.get("signature_name", "")
    if type(given) is not str:
        raise PredictionFailed(
            f"JSON Value: {debug_text(request)} not formatted correctly. 'signature_name' key must be a string value."
        )
    name = given or DEFAULT_SIGNATURE
    if name not in signatures:
        raise PredictionFailed(f'Serving signature name: "{name}" not found in signature def')
    if not signatures[name].inputs:
        raise PredictionFailed(f"Failed to get input map for signature: {given or 'DEFAULT'}")
    if "instances" not in request:
        if "inputs" not in request:
            raise PredictionFailed("Missing 'inputs' or 'instances' key")
        return Request(Form(name, by_column=True), [request["inputs"]])
    if "inputs" in request:
        text = "Not formatted correctly expecting only one of 'inputs' or 'instances' keys to exist "
        raise _wrong_form(request, text)
    instances = request["instances"]
    if type(instances) is not list:
        raise _wrong_form(request, "Expecting 'instances' to be an list/array")
    if not instances:
        raise _wrong_form(request, "No values in 'instances' array")
    return Request(Form(name, by_column=False), instances)


def _wrong_form(request: Json, text: str) -> PredictionFailed:
    return PredictionFailed(f"JSON Value: {debug_text(request)} {text}")


# -------------------------------------------------------------------- by row


def rows_to_arrays(instances: list[Json], inputs: Inputs) -> dict[str, NDArray[Any]]:
    """One array for each input, with the instances as its first dimension.

    Raises:
        PredictionFailed: an instance does not fit the inputs; the text has the index of the first such instance.
    """
    if type(instances[0]) is not dict and len(inputs) > 1:
        raise PredictionFailed(
            "instances is a plain list, but expecting list of objects as multiple input tensors required as per "
            "tensorinfo_map"
        )
    columns = _columns(instances, inputs)
    arrays = {}
    for name, column in columns.items() if columns else ():
        array = rows_to_array(column, inputs[name].dtype)
        if array is None:
            break
        arrays[name] = array
    if columns is None or len(arrays) < len(columns):
        _check_instances(instances, inputs)
        raise PredictionFailed("The instances do not fit the signature")
    if len(arrays) < len(inputs):
        raise _incomplete(list(arrays), inputs)
    return arrays


def _columns(instances: list[Json], inputs: Inputs) -> dict[str, list[Json]] | None:
    """Values by input; None if not all instances have the form of the first."""
    if not _is_object(instances[0]):
        # With more than one input only the first is given, which is refused later, as TensorFlow Serving does.
        return None if any(map(_is_object, instances)) else {next(iter(inputs)): instances}
    names = inputs.keys()
    if all(type(one) is dict and one.keys() == names and not is_base64(one) for one in instances):
        return {name: [instance[name] for instance in instances] for name in names}
    return None


def _is_object(instance: Json) -> bool:
    """Whether it names inputs."""
    return type(instance) is dict and not is_base64(instance)


def _check_instances(instances: list[Json], inputs: Inputs) -> None:
    """Raises:
    PredictionFailed: an instance does not fit.
    """
    objects = _is_object(instances[0])
    found: dict[str, tuple[int, list[int]]] = {}
    for number, instance in enumerate(instances):
        if _is_object(instance) is not objects:
            expected, got = ("object", "list") if objects else ("value/list", "object")
            raise PredictionFailed(f"Expecting {expected} but got {got} at item {number} of input list")
        members = instance.items() if objects else [(next(iter(inputs)), instance)]
        for name, value in members:
            try:
                _check_item(name, value, inputs, found)
            except CloudError as error:
                key = f" key: {name}" if objects else ""
                raise PredictionFailed(
                    f"Failed to process element: {number}{key} of 'instances' list. "
                    f"Error: {error.code}: {error.message}"
                ) from None
        if objects and instance.keys() != inputs.keys():
            raise PredictionFailed(
                f"Failed to process element: {number} of 'instances' list. JSON object: {debug_text(instance)} "
                f"keys must be equal to: {','.join(sorted(inputs))}"
            )


def _check_item(name: str, value: Json, inputs: Inputs, found: dict[str, tuple[int, list[int]]]) -> None:
    """Args:
    found: size and shape of each input in the first instance.

    Raises:
        CloudError: it does not fit, with the code of the status.
    """
    if name not in inputs:
        raise PredictionFailed(f"JSON object: does not have named input: {name}")
    size, shape = check_value(value, inputs[name].dtype)
    expected_size, expected_shape = found.setdefault(name, (size, shape))
    if size != expected_size:
        raise PredictionFailed(f"Expecting tensor size: {expected_size} but got: {size}")
    if shape != expected_shape:
        raise PredictionFailed(f"Expecting shape {_show(expected_shape)} but got: {_show(shape)}")


def _show(shape: Sequence[int]) -> str:
    return f"[{','.join(map(str, shape))}]"


def _incomplete(given: list[str], inputs: Inputs) -> PredictionFailed:
    missing = sorted(inputs.keys() - set(given))
    return PredictionFailed(
        f"input size does not match signature: {len(given)}!={len(inputs)} len({{{','.join(sorted(given))}}}) != "
        f"len({{{','.join(sorted(inputs))}}}). Sent extra: {{}}. Missing but required: {{{','.join(missing)}}}."
    )


# -------------------------------------------------------------------- by column


def columns_to_arrays(value: Json, inputs: Inputs) -> dict[str, NDArray[Any]]:
    """The arrays of ``inputs``: its value itself if there is one input, else an object with a value for each.

    Raises:
        PredictionFailed: it does not fit the inputs. Also for a type that JSON cannot give, which TensorFlow Serving
            answers with 501: clients repeat that for half a minute.
    """
    if not _is_object(value):
        if len(inputs) > 1:
            raise PredictionFailed(
                "inputs is a plain value/list, but expecting an object as multiple input tensors required as per "
                "tensorinfo_map"
            )
        value = {next(iter(inputs)): value}
    arrays = {}
    for name, spec in inputs.items():
        if name not in value:
            raise PredictionFailed(f"Missing named input: {name} in 'inputs' object.")
        try:
            arrays[name] = to_array(value[name], spec.dtype)
        except Unimplemented as error:
            raise PredictionFailed(error.message) from error
    return arrays
