"""``TF_USE_LEGACY_KERAS`` for a process that got TensorFlow preloaded.

TensorFlow reads the variable when it is imported, to choose where ``tensorflow.keras`` comes from: the package tf_keras
or Keras 3 (tensorflow/__init__.py, ``_tf_uses_legacy_keras``). A trainer sets it before it imports TensorFlow, which is
after the preload: the choice is made again when the trainer imports ``tensorflow.keras``. (``tf.keras`` without such an
import needs nothing: it is loaded when it is first used.)
"""

import importlib.util
import os
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

_YES = ("true", "True", "1")


class LegacyKerasFinder:
    """Finds ``tensorflow.keras`` where the variable's present value says."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name != "tensorflow.keras" or os.environ.get("TF_USE_LEGACY_KERAS") not in _YES or path is None:
            return None
        try:
            found = importlib.util.find_spec("tf_keras.api._v2")
        except ModuleNotFoundError:  # TensorFlow uses Keras 3 then, and says so
            return None
        folders = found.submodule_search_locations if found else None
        return PathFinder.find_spec(name, [*(folders or ()), *path], target)


def heed_variable() -> None:
    """Heed the variable from now on, if TensorFlow is loaded."""
    if "tensorflow" in sys.modules:
        sys.meta_path.insert(0, LegacyKerasFinder())
