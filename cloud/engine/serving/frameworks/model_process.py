"""Loads and calls a model of scikit-learn or XGBoost, in the Python of a runtime: a program of its own, which needs
nothing but that runtime and Python 3.7.

    PYTHON model_process.py SCIKIT_LEARN|XGBOOST FOLDER

It writes JSON lines to stdout: ``{"note": TEXT}`` while it loads, then ``{"ready": TEXT}`` or ``{"failed": TEXT}``.
Then it answers each line of stdin, ``{"instances": […], "parameters": {…}}``, with ``{"predictions": […]}`` or
``{"error": TEXT}``, and ends with its input. What the model itself prints goes to stderr.

Rules and texts are those of the prediction library in the Cloud SDK (``sk_xg_prediction_lib.py``,
``prediction_utils.py``), which Vertex AI's images run, too.
"""

from __future__ import annotations

import sys

if __name__ == "__main__":
    # The folder of this file is the first of the path: its modules are none of the model's.
    sys.path.pop(0)

import json
import os
import pickle
import platform
import signal
import warnings
from collections.abc import Sequence
from typing import Any

TITLES = {"SCIKIT_LEARN": "scikit-learn", "XGBOOST": "XGBoost"}
PACKAGES = {"SCIKIT_LEARN": "sklearn", "XGBOOST": "xgboost"}
FILES = ("model.joblib", "model.pkl", "model.bst")
"""In the order in which they are looked for."""
MAX_NOTES = 3


class Refused(Exception):
    """The model is not served, or does not take the instances; the text is for the user."""


def main() -> int:
    framework, folder = sys.argv[1:]
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    # Sent to all processes of a worker: this one still answers what waits there, and ends with its input.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)

    def report(value: dict[str, Any]) -> None:
        # Strings that are no Unicode, and NaN: as escapes and names, which the reader knows.
        answers.write(json.dumps(value) + "\n")
        answers.flush()

    try:
        model, notes = load(framework, folder)
    except Refused as error:
        report({"failed": str(error)})
        return 1
    for note in notes[:MAX_NOTES]:
        report({"note": note})
    report({"ready": describe(framework)})
    predict = predict_with_sklearn if framework == "SCIKIT_LEARN" else predict_with_xgboost
    for line in sys.stdin.buffer:
        request = json.loads(line.decode("utf-8"))
        options = {"parameters": request["parameters"]} if request.get("parameters") is not None else {}
        try:
            report({"predictions": to_json(predict(model, request["instances"], options))})
        except Refused as error:
            report({"error": str(error)})
        except (TypeError, ValueError) as error:
            report({"error": f"The predictions are not JSON: {error}"})
    return 0


# ---------------------------------------------------------------- loading


def load(framework: str, folder: str) -> tuple[Any, list[str]]:
    """The model, and what its library warned of."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            name, model = read(folder)
        except Exception as error:
            raise Refused(could_not_load(error, framework, folder, caught)) from error
    kind = type(model)
    if PACKAGES[framework] not in kind.__module__:
        expected = "sklearn model or pipeline" if framework == "SCIKIT_LEARN" else "xgboost model"
        text = f"Invalid model type detected: {kind.__module__}.{kind.__name__}. "
        text += f"Please make sure the model file is an exported {expected}."
        other = next((name for name, package in PACKAGES.items() if package in kind.__module__), None)
        raise Refused(f"{text} Its framework is {other}." if other else text)
    notes = [str(one.message).splitlines()[0] for one in caught if is_about_versions(one)]
    if framework == "XGBOOST" and "sklearn" in kind.__module__:
        notes.insert(0, needs_booster(name, kind))
    return model, list(dict.fromkeys(notes))


def read(folder: str) -> tuple[str, Any]:
    """The name of the model's file, and the model."""
    joblib_file, pickle_file = os.path.join(folder, "model.joblib"), os.path.join(folder, "model.pkl")
    if os.path.exists(joblib_file):
        import joblib

        try:
            return "model.joblib", joblib.load(joblib_file)
        except KeyError:  # XGBoost's own format under joblib's name
            return "model.joblib", read_booster(joblib_file)
    if os.path.exists(pickle_file):
        with open(pickle_file, "rb") as file:
            return "model.pkl", pickle.load(file)  # noqa: S301 - a user's own, in a process apart
    return "model.bst", read_booster(os.path.join(folder, "model.bst"))


def read_booster(path: str) -> Any:
    import xgboost

    booster = xgboost.Booster()
    booster.load_model(path)
    return booster


def could_not_load(error: Exception, framework: str, folder: str, caught: Sequence[Any]) -> str:
    present = os.listdir(folder)
    name = next(name for name in FILES if name in present)
    text = f"Could not load the model: {name}. {first_line(error)}."
    return " ".join([text, *mends(error, framework, caught)])


def mends(error: Exception, framework: str, caught: Sequence[Any]) -> list[str]:
    here = describe(framework)
    text = str(error)
    saved_with = next((str(one.message).splitlines()[0] for one in caught if is_about_versions(one)), "")
    if "unsupported pickle protocol" in text:
        return [f"It was saved by a newer Python than this one ({here})."]
    missing = getattr(error, "name", None) if isinstance(error, ImportError) else None
    package = (missing or "").partition(".")[0]
    if missing and package not in ("sklearn", "xgboost"):
        return [
            f"The file needs the module {missing}, which is not in this runtime ({here}).",
            "If it is a package that Google's images hold: python -m cloud.runtimes add image. Code of your own is not "
            "on Google's servers either: only a custom prediction routine brings it, and those are not served here. "
            "Build the model from the library's own classes.",
        ]
    if isinstance(error, AttributeError) and "__main__" in text:
        return [
            "The file refers to code of the program that saved it, which no server has: build the model from the "
            "library's own classes, or move the code out of the model."
        ]
    if saved_with:
        return [saved_with, "Save it with the version that serves it, or deploy it with the version that saved it."]
    return [
        f"It was loaded by {here}: save it with the same version, or deploy it with the version that saved it "
        "(python -m cloud.runtimes add NAME)."
    ]


def needs_booster(name: str, kind: type) -> str:
    return (
        f"{name} holds a {kind.__name__}, and Google's servers hand it a DMatrix, which it does not take: each "
        'prediction fails. Save the booster: model.get_booster().save_model("model.bst").'
    )


def is_about_versions(caught: Any) -> bool:
    """scikit-learn's InconsistentVersionWarning, a UserWarning before 1.3, and XGBoost's about old serialisations."""
    text = str(caught.message)
    return "unpickle estimator" in text or "older version of XGBoost" in text


def describe(framework: str) -> str:
    """``scikit-learn 1.6.1, Python 3.11.7``."""
    module = sys.modules.get(PACKAGES[framework])
    version = getattr(module, "__version__", None)
    title = f"{TITLES[framework]} {version}" if version else TITLES[framework]
    return f"{title}, Python {platform.python_version()}"


def first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__)[:1000].rstrip(".")


# ---------------------------------------------------------------- prediction


def predict_with_sklearn(model: Any, instances: list[Any], options: dict[str, Any]) -> Any:
    try:
        return model.predict(instances, **options)
    except Exception as error:
        raise Refused(f"Exception during sklearn prediction: {error}") from error


def predict_with_xgboost(booster: Any, instances: list[Any], options: dict[str, Any]) -> Any:
    import numpy
    import xgboost

    try:
        inputs = xgboost.DMatrix(numpy.array(instances))
    except Exception as error:
        raise Refused(f"Could not initialize DMatrix from inputs: {error}") from error
    try:
        return booster.predict(inputs, **options)
    except Exception as error:
        text = f"Exception during xgboost prediction: {error}"
        if "sklearn" in type(booster).__module__ and "DMatrix" in text:
            text += '. Save the booster: model.get_booster().save_model("model.bst").'
        raise Refused(text) from error


def to_json(outputs: Any) -> list[Any]:
    if isinstance(outputs, list):
        return outputs
    if hasattr(outputs, "tolist") and type(outputs).__module__ == "numpy":
        values: list[Any] = outputs.tolist()
        return values
    raise Refused("Bad output type returned.The predict function should return either a numpy ndarray or a list.")


if __name__ == "__main__":
    sys.exit(main())
