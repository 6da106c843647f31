"""Makes ``import tensorflow`` give the API of TensorFlow 1: ``tensorflow.compat.v1``, without the behaviour of 2.

Copied into the site-packages of the runtime ``tf1``, whose ``.pth`` file imports it when Python starts. It runs in
Python 3.9 and later, and imports nothing of this project.
"""

from __future__ import annotations  # Python 3.9

import importlib
import os
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import find_spec
from types import ModuleType
from typing import Any

EXAMPLES = (
    "tensorflow.examples was removed in TensorFlow 2, and this is TensorFlow {version} as compat.v1: read the data "
    "with tf.keras.datasets, or from a bucket"
)
_GONE = {"examples": EXAMPLES}
_CONTRIB = "tensorflow.contrib"
_HOOK_OF_CONTRIB = "_offline_ml_contrib"
_V1_API_OF_LIBRARIES = (
    "keras.api._v1.keras",
    "tensorflow_estimator.python.estimator.api._v1.estimator",
    "tensorflow_estimator.python.estimator.keras_lib",
)
"""They import tensorflow and mean TensorFlow 2's, so they are loaded before it is replaced."""
_OLD_KERAS = "tensorflow.python.keras"
"""In TensorFlow 1 the modules behind tf.keras; in 2 an old copy of some of them, whose models tf.keras refuses."""
_NAMES_OF_KERAS = (_OLD_KERAS, "keras")
_KERAS = ("keras.api._v1.keras", "keras.src")
_BELONG_TO_TENSORFLOW = ("keras", "tensorflow_estimator")
"""Libraries that import tensorflow, which needs them whole."""


class TensorFlow1(ModuleType):
    """The module ``tensorflow`` of TensorFlow 1; what it did not have is TensorFlow 2's."""

    def __init__(self, real: ModuleType) -> None:
        super().__init__(real.__name__, real.__doc__)
        self.__dict__.update(
            {name: value for name, value in vars(real).items() if name.startswith("__") and name != "__getattr__"}
        )
        self.__dict__.update(_real=real, _v1=real.compat.v1, compat=real.compat)
        # By which ``from tensorflow.keras import ...`` is found: the optimizers of 2's API need the behaviour of 2.
        self.__path__ = [_path_of_v1(folder) for folder in real.__path__]
        _mend_python_paths(real)

    def __getattr__(self, name: str) -> Any:
        if name in _GONE:
            raise AttributeError(_GONE[name].format(version=self._real.__version__))
        if name == "contrib":
            return importlib.import_module(_CONTRIB)
        try:
            return getattr(self._v1, name)
        except AttributeError:
            return getattr(self._real, name)

    def __dir__(self) -> list:  # type: ignore[type-arg]
        return sorted({*self.__dict__, *dir(self._v1), *dir(self._real)} - {"_real", "_v1"})


class Finder(MetaPathFinder):
    """Finds ``tensorflow`` with a loader that replaces it, and what was removed with a sentence."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if name == "tensorflow":
            spec = PathFinder.find_spec(name, path, target)
            if spec is not None and spec.loader is not None:
                spec.loader = _ReplacingLoader(spec.loader)
            return spec
        if name in _BELONG_TO_TENSORFLOW and "tensorflow" not in sys.modules:
            return ModuleSpec(name, _AfterTensorFlow())
        if name.startswith(_NAMES_OF_KERAS) and isinstance(sys.modules.get("tensorflow"), TensorFlow1):
            return _spec_of_keras(name)
        if name == _CONTRIB or name.startswith(f"{_CONTRIB}."):
            return _spec_of_contrib(name)
        parent, _, child = name.rpartition(".")
        if parent == "tensorflow" and child in _GONE:
            version = getattr(sys.modules.get("tensorflow"), "__version__", "2")
            raise ModuleNotFoundError(_GONE[child].format(version=version), name=name)
        return None


class _ReplacingLoader(Loader):
    def __init__(self, loader: Loader) -> None:
        self._loader = loader

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self._loader.exec_module(module)
        for name in _V1_API_OF_LIBRARIES:
            importlib.import_module(name)
        # Each would tell a program of TensorFlow 1 to use what its runtime at Google does not have.
        deprecation = importlib.import_module("tensorflow.python.util.deprecation")
        vars(deprecation)["_PRINT_DEPRECATION_WARNINGS"] = False
        module.compat.v1.disable_v2_behavior()
        for name in [name for name in sys.modules if name.startswith(("tensorflow.keras", "tensorflow.estimator"))]:
            del sys.modules[name]  # of TensorFlow 2's API
        _forget_keras_2()
        # The import system returns what it finds here when the loader is done.
        sys.modules["tensorflow"] = TensorFlow1(module)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)  # get_source, is_package, …: for inspect and importlib.resources


class _KerasLoader(Loader):
    """Fills a module of the old path with what the modules ``places`` have, the first first."""

    def __init__(self, places: Sequence[str]) -> None:
        self._places = places

    def create_module(self, spec: ModuleSpec) -> None:
        """The usual one."""

    def exec_module(self, module: ModuleType) -> None:
        for place in reversed([importlib.import_module(name) for name in self._places]):
            vars(module).update({name: value for name, value in vars(place).items() if not name.startswith("__")})


class _ContribLoader(Loader):
    def create_module(self, spec: ModuleSpec) -> ModuleType:
        made: ModuleType = importlib.import_module(_HOOK_OF_CONTRIB).Contrib(spec.name, sys.modules["tensorflow"])
        return made

    def exec_module(self, module: ModuleType) -> None:
        """It is whole: its names are looked up."""


class _AfterTensorFlow(Loader):
    """Gives the module that TensorFlow has imported."""

    def create_module(self, spec: ModuleSpec) -> None:
        """The usual one, which is replaced."""

    def exec_module(self, module: ModuleType) -> None:
        del sys.modules[module.__name__]
        importlib.import_module("tensorflow")
        importlib.import_module(module.__name__)


def _spec_of_contrib(name: str) -> ModuleSpec:
    hook = importlib.import_module(_HOOK_OF_CONTRIB)
    if not hook.exists(name):
        short = ".".join(name.split(".")[:3]).replace("tensorflow", "tf", 1)
        raise ModuleNotFoundError(hook.gone(short, sys.modules.get("tensorflow")), name=name)
    return ModuleSpec(name, _ContribLoader(), is_package=True)


def _spec_of_keras(name: str) -> ModuleSpec | None:
    for prefix in _NAMES_OF_KERAS:
        below = name[len(prefix) :]
        if name == _OLD_KERAS or (name.startswith(f"{prefix}.") and not _is_private(name)):
            found = [place + below for place in _KERAS if _exists(place + below)]
            return ModuleSpec(name, _KerasLoader(found), is_package=True) if found else None
    return None


def _is_private(name: str) -> bool:
    return f"{name}.".startswith(("keras.src.", "keras.api."))


def _forget_keras_2() -> None:
    """Let programs that import Keras get TensorFlow 1's. Who has imported the other keeps it."""
    for name in [name for name in sys.modules if name.startswith((_OLD_KERAS, "keras.")) and not _is_private(name)]:
        del sys.modules[name]
    vars(sys.modules["tensorflow.python"]).pop("keras", None)
    _KerasLoader(_KERAS[:1]).exec_module(sys.modules["keras"])


def _exists(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # its package
        return False


def _path_of_v1(folder: str) -> str:
    for library in ("keras", "estimator"):
        old, new = (os.path.join(library, "api", version) for version in ("_v2", "_v1"))
        if folder.endswith(old):
            return folder[: -len(old)] + new
    return folder


def _mend_python_paths(real: ModuleType) -> None:
    """Names that programs of TensorFlow 1 import from its private modules, and that have moved."""
    graph_util = importlib.import_module("tensorflow.python.framework.graph_util")
    pywrap = importlib.import_module("tensorflow.python.pywrap_tensorflow")
    v1 = real.compat.v1
    for module, name, value in (
        (graph_util, "convert_variables_to_constants", v1.graph_util.convert_variables_to_constants),
        (graph_util, "remove_training_nodes", v1.graph_util.remove_training_nodes),
        (pywrap, "NewCheckpointReader", v1.train.NewCheckpointReader),
    ):
        if not hasattr(module, name):
            setattr(module, name, value)


if not any(isinstance(finder, Finder) for finder in sys.meta_path):
    sys.meta_path.insert(0, Finder())
