"""What a folder of a SavedModel holds, and what else trainers leave where one was expected. Pure."""

from collections.abc import Iterable

SAVED_MODEL_FILES = ("saved_model.pb", "saved_model.pbtxt")
"""A SavedModel has exactly one of them (tensorflow/cc/saved_model/constants.h)."""
_KERAS = (".keras", ".h5", ".hdf5")


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
