"""Why a SavedModel is not served, in the words of the prediction library in the Cloud SDK where it has some. Pure."""

import re

from cloud.engine.serving.failure import (
    NOT_FOUND,
    PERMISSION_DENIED,
    UNAUTHENTICATED,
    UNAVAILABLE,
    UNIMPLEMENTED,
    TensorFlowError,
)
from cloud.errors import FailedPrecondition

_UNKNOWN_OPERATION = re.compile(r"Op type not registered '([^']+)'")
_UNREADABLE = (PERMISSION_DENIED, UNIMPLEMENTED, UNAVAILABLE, UNAUTHENTICATED)
_SERVED_BY_GOOGLE = "which TensorFlow Serving has, and so Google's servers serve this model"


def refused(detail: str) -> FailedPrecondition:
    return FailedPrecondition(f"Failed to load model: {detail} (Error code: 0)")


def load_error(error: Exception, path: str, tags: list[str]) -> FailedPrecondition:
    """The refusal of a model that TensorFlow cannot load."""
    if not isinstance(error, TensorFlowError):  # a message of protobuf that is damaged
        return _bad_data(str(error), tags)
    if error.code == NOT_FOUND and "Could not find SavedModel" in error.message:
        return refused("Cloud ML only supports TF 1.0 or above and models saved in SavedModel format.")
    if "://" in path and error.code in _UNREADABLE:
        return refused(f"{path} cannot be read: {one_line(error.message)}")
    if operation := unknown_operation(error):
        if operation.startswith("SimpleML"):
            return refused(
                f"it uses {operation} of TensorFlow Decision Forests, {_SERVED_BY_GOOGLE}. It cannot be loaded here."
            )
        if operation.startswith("TFText>"):
            return refused(
                f"it uses {operation} of tensorflow-text, {_SERVED_BY_GOOGLE}: pip install tensorflow-text to serve it "
                "here."
            )
        return refused(
            f"it uses the operation {operation}, which TensorFlow does not have. If it is one of tensorflow-text's, "
            f"{_SERVED_BY_GOOGLE}: pip install tensorflow-text to serve it here. TensorFlow Serving refuses any other: "
            f"{one_line(error.message)}"
        )
    return _bad_data(error.message, tags)


def unknown_operation(error: TensorFlowError) -> str:
    """The operation that TensorFlow does not know, if that is the error."""
    found = _UNKNOWN_OPERATION.search(error.message)
    return found[1] if found else ""


def one_line(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 2000 else text[:2000] + "…"


def _bad_data(text: str, tags: list[str]) -> FailedPrecondition:
    return refused(f"Failed to load the model due to bad model data. tags: {tags}\n{one_line(text)}")
