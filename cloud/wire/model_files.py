"""The files of models that Google's servers load, and what else trainers leave where one was expected. Pure.

Names: tensorflow/cc/saved_model/constants.h; ``prediction_utils.py`` and ``sk_xg_prediction_lib.py`` in the Cloud SDK.
"""

from collections.abc import Collection, Iterable, Mapping

from cloud.resources import Framework

SAVED_MODEL_FILES = ("saved_model.pb", "saved_model.pbtxt")
MODEL_FILES: Mapping[Framework, tuple[str, ...]] = {
    Framework.TENSORFLOW: SAVED_MODEL_FILES,
    Framework.SCIKIT_LEARN: ("model.pkl", "model.joblib"),
    Framework.XGBOOST: ("model.pkl", "model.joblib", "model.bst"),
}
"""A model's folder holds exactly one of them. The order is that of Google's messages."""
_KERAS = (".keras", ".h5", ".hdf5")
_NAMES = {
    ".joblib": "model.joblib",
    **dict.fromkeys((".pkl", ".pickle", ".sav"), "model.pkl"),
    **dict.fromkeys((".bst", ".ubj"), "model.bst"),
}
"""The name that Google's servers look for, by the endings that files of such models have."""


def holds_model(framework: Framework, names: Collection[str]) -> bool:
    """Whether a folder with the files ``names`` holds exactly one model."""
    return sum(name in names for name in MODEL_FILES[framework]) == 1


def find_framework(names: Collection[str]) -> Framework:
    """The framework of a model whose version names none; TensorFlow if nothing tells it.

    A ``model.joblib`` or ``model.pkl`` may be XGBoost's, too: only its object tells.
    """
    if not any(name in names for name in SAVED_MODEL_FILES):
        for framework in (Framework.SCIKIT_LEARN, Framework.XGBOOST):
            if any(name in names for name in MODEL_FILES[framework]):
                return framework
    return Framework.TENSORFLOW


def model_hint(framework: Framework, names: Iterable[str]) -> str:
    """A sentence, with a space before it, if one of the files ``names`` is a model that is not where or what it has to
    be; otherwise empty."""
    if framework is Framework.TENSORFLOW:
        return keras_hint(names)
    expected = MODEL_FILES[framework]
    for name in sorted(names):
        folder, _, last = name.rpartition("/")
        wanted = _NAMES.get(f".{last.rpartition('.')[2].lower()}")
        if wanted not in expected:
            continue
        if last in expected:
            return f" {name} is there: give that folder." if folder else ""
        return f" {name} is there: store it as {wanted}."
    return ""


def keras_hint(names: Iterable[str]) -> str:
    """A sentence, with a space before it, if there is a model in one of Keras's own formats among the files ``names``;
    otherwise empty."""
    found = sorted(name for name in names if name.lower().endswith(_KERAS))
    if not found:
        return ""
    kind = "weights alone" if ".weights." in found[0].lower() else "Keras's own format"
    return (
        f" {found[0]} is {kind}, which only Keras reads and no model server: export a SavedModel as well, with "
        "model.export(PATH)."
    )
