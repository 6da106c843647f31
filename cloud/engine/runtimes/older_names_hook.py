"""Gives programs for TensorFlow 2.1 to 2.14 what TensorFlow 2.15, the libraries beside it and Python have lost, and
trials of ML Engine what Google's images add to it.

Copied into the site-packages of the runtime ``tf2.15``, whose ``.pth`` file imports it when Python starts. It runs in
Python 3.9 and later, and imports nothing of this project.
"""

from __future__ import annotations  # Python 3.9

import importlib
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

VARIABLE = "OFFLINE_ML_TENSORFLOW"
"""The version that the job requests, ``2.8``. Read when a name is used: TensorFlow may be loaded before."""
SUMMARIES = "OFFLINE_ML_SUMMARIES"
"""The file to which a trial of ML Engine adds its metric; it is another for each trial, and read when it is used."""
_MOST_SUMMARIES = 1 << 18
"""Bytes of that file, from which on it begins anew: the cloud has read it every two seconds."""
_DEFAULT_METRIC = "training/hptuning/metric"
_NEW_OPTIMIZERS = (2, 11)
"""The first version whose optimizers ignore ``lr`` and refuse ``decay``."""
_OPTIMIZERS = ("keras.api._v2.keras.optimizers", "tensorflow.keras.optimizers", "keras.optimizers")
_EXPERIMENTAL = (
    "keras.api._v2.keras.experimental",
    "keras.api._v1.keras.experimental",
    "tensorflow.keras.experimental",
    "keras.experimental",
)
_OTHER_PLACES = {"sklearn.externals.joblib": "joblib", "sklearn.externals.six": "six"}
"""Modules that scikit-learn brought until 0.22, and where they come from."""


class Finder(MetaPathFinder):
    """Finds modules that moved, and Keras's with a loader that adds to them."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if name in _OTHER_PLACES:
            return ModuleSpec(name, _ElsewhereLoader(_OTHER_PLACES[name]))
        change = _CHANGES.get(name)
        spec = PathFinder.find_spec(name, path, target) if change else None
        if spec is not None and spec.loader is not None and change:
            spec.loader = _ChangingLoader(spec.loader, change)
        return spec


class _ElsewhereLoader(Loader):
    def __init__(self, place: str) -> None:
        self._place = place

    def create_module(self, spec: ModuleSpec) -> None:
        """The usual one, which is replaced."""

    def exec_module(self, module: ModuleType) -> None:
        # The import system returns what it finds here when the loader is done.
        sys.modules[module.__name__] = importlib.import_module(self._place)


class _ChangingLoader(Loader):
    def __init__(self, loader: Loader, change: Callable[[ModuleType], None]) -> None:
        self._loader = loader
        self._change = change

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self._loader.exec_module(module)
        self._change(module)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)  # get_source, is_package, …: for inspect and importlib.resources


class _OptimizersOfRequest(ModuleType):
    """``keras.optimizers``, whose classes depend on the version that the job requests."""

    def __getattr__(self, name: str) -> Any:
        new = vars(self)["_new"]
        if name not in new:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        return getattr(vars(self)["legacy"], name) if _is_before(_NEW_OPTIMIZERS) else new[name]

    def __dir__(self) -> list[str]:
        return sorted({*vars(self), *vars(self)["_new"]})


def _choose_optimizers(module: ModuleType) -> None:
    names = vars(module)
    legacy = names.get("legacy")
    if legacy is None:
        return
    new = {name: names.pop(name) for name in list(names) if hasattr(legacy, name) and isinstance(names[name], type)}
    names.update(_new=new, __all__=[name for name in (*names, *new) if not name.startswith("_")])
    module.__class__ = _OptimizersOfRequest


def _take_buffers(module: ModuleType) -> None:
    """Let ``joblib.dump(model, GFile(path, "w"))`` write: since Python 3.8 it writes no bytes, but views."""
    write = module.FileIO.write

    def write_any(self: Any, file_content: Any) -> None:
        write(self, bytes(file_content) if isinstance(file_content, memoryview) else file_content)

    module.FileIO.write = write_any


def _report_summaries(module: ModuleType) -> None:
    """Let ``tf.summary.FileWriter`` report the trial's metric, whatever folder it writes to.

    The images of ML Engine do so: they replace its ``add_summary``. The default tag counts in any scope.
    """
    add = module.SummaryToEventTransformer.add_summary

    def add_summary(self: Any, summary: Any, global_step: Any = None) -> None:
        file, tag = os.environ.get(SUMMARIES), os.environ.get("CLOUD_ML_HP_METRIC_TAG", "")
        if file:
            given = module.summary_pb2.Summary.FromString(summary) if isinstance(summary, bytes) else summary
            is_metric = str.endswith if tag == _DEFAULT_METRIC else str.__eq__
            values = [each.simple_value for each in given.value if is_metric(each.tag, tag)]
            _append(file, tag, values, int(global_step or 0))
        add(self, summary, global_step)

    module.SummaryToEventTransformer.add_summary = add_summary


def _append(file: str, tag: str, values: Sequence[float], step: int) -> None:
    """One line for each value, in the form of cloudml-hypertune."""
    if not values:
        return
    os.makedirs(os.path.dirname(file), exist_ok=True)
    is_long = os.path.exists(file) and os.path.getsize(file) > _MOST_SUMMARIES
    with open(file, "w" if is_long else "a", encoding="utf-8") as lines:
        for value in values:
            line = {"timestamp": time.time(), tag: str(value), "global_step": str(step)}
            lines.write(json.dumps(line) + "\n")


def _add_export(module: ModuleType) -> None:
    vars(module).setdefault("export_saved_model", export_saved_model)
    vars(module).setdefault("load_from_saved_model", load_from_saved_model)


def export_saved_model(model: Any, saved_model_path: str, *_: Any, **options: Any) -> None:
    """``tf.keras.experimental.export_saved_model``, which ended with TensorFlow 2.3."""
    v1 = importlib.import_module("tensorflow").compat.v1
    if v1.executing_eagerly():
        v1.keras.models.save_model(model, saved_model_path, save_format="tf", signatures=options.get("input_signature"))
        return
    inputs = dict(zip(model.input_names, model.inputs))  # noqa: B905 - Python 3.9
    outputs = dict(zip(model.output_names, model.outputs))  # noqa: B905 - Python 3.9
    v1.saved_model.simple_save(v1.keras.backend.get_session(), saved_model_path, inputs, outputs)


def load_from_saved_model(saved_model_path: str, custom_objects: Any = None) -> Any:
    """``tf.keras.experimental.load_from_saved_model``, which ended with TensorFlow 2.3."""
    keras = importlib.import_module("tensorflow").compat.v2.keras
    return keras.models.load_model(saved_model_path, custom_objects)


def _is_before(version: tuple[int, int]) -> bool:
    requested = os.environ.get(VARIABLE, "")
    return bool(requested) and tuple(int(part) for part in requested.split(".")[:2]) < version


_CHANGES: dict[str, Callable[[ModuleType], None]] = {
    **dict.fromkeys(_OPTIMIZERS, _choose_optimizers),
    **dict.fromkeys(_EXPERIMENTAL, _add_export),
    "tensorflow.python.lib.io.file_io": _take_buffers,
    "tensorflow.python.summary.writer.writer": _report_summaries,
}
sys.meta_path.insert(0, Finder())
