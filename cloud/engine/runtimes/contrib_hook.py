"""``tf.contrib`` of TensorFlow 1, as far as what it had is somewhere in TensorFlow 2, or is small.

Copied into the site-packages of the runtime ``tf1`` beside its hook, which loads it when a program uses ``tf.contrib``.
Names are looked up where TensorFlow moved them to when 1.15 was split up; what went nowhere is refused by a sentence.
"""

from __future__ import annotations  # Python 3.9

import ast
import importlib
import re
from collections.abc import Callable, Iterator, Sequence
from types import ModuleType
from typing import Any

CONTRIB = "tensorflow.contrib"
_GONE = (
    "{name} was removed in TensorFlow 2, and this is TensorFlow {version} as compat.v1: use what replaced it "
    "(tf.estimator, tf.keras, tf.layers, tf_slim, tensorflow_addons)"
)
_MOVED = {
    "cluster_resolver": ("tf.distribute.cluster_resolver",),
    "data": ("tf.data.experimental", "tf.data"),
    "distribute": ("tf.distribute", "tf.distribute.experimental"),
    "eager": ("tf", "tf.config.experimental"),
    "estimator": ("tf.estimator", "tf.estimator.experimental"),
    "framework": ("tf.train", "tf"),
    "layers": ("tf_slim.layers",),
    "lookup": ("tf.lookup", "tensorflow.python.ops.lookup_ops"),
    "metrics": ("tf.metrics",),
    "rnn": ("tf.nn.rnn_cell", "tf.nn"),
    "slim": ("tf_slim",),
    "summary": ("tensorflow.python.ops.summary_ops_v2",),
    "tensorboard": ("tensorboard.plugins.projector", "tensorboard.plugins"),
    "tpu": ("tf.tpu", "tf.estimator.tpu", "tf.tpu.experimental"),
    "training": ("tf.train",),
}
"""By part of ``tf.contrib``: where its names are now, ``tf`` for the API of TensorFlow 1, or a module."""


class Contrib(ModuleType):
    """``tensorflow.contrib``, or a part of it. Paths below a part have the part's names, as if imported from there."""

    def __init__(self, name: str, tensorflow: Any) -> None:
        super().__init__(name)
        self.__path__: list[str] = []
        self._tensorflow = tensorflow
        self._part = name.removeprefix(CONTRIB).strip(".").partition(".")[0]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if not self._part:
            if name not in _MOVED:
                raise AttributeError(gone(f"tf.contrib.{name}", self._tensorflow))
            return importlib.import_module(f"{CONTRIB}.{name}")
        found = _OWN.get(f"{self._part}.{name}", self)
        if found is not self:
            return found
        if self._part == "metrics":
            name = name.removeprefix("streaming_")
        for place in map(self._place, _MOVED[self._part]):
            if hasattr(place, name):
                return getattr(place, name)
        raise AttributeError(gone(f"tf.contrib.{self._part}.{name}", self._tensorflow))

    def _place(self, path: str) -> Any:
        if path.partition(".")[0] != "tf":
            try:
                return importlib.import_module(path)
            except ModuleNotFoundError:  # tf_slim, in a runtime that an earlier version of this project has made
                return None
        found = self._tensorflow
        for name in path.split(".")[1:]:
            found = getattr(found, name)
        return found


def exists(name: str) -> bool:
    """Whether ``tensorflow.contrib.…`` is a module here."""
    part = name.removeprefix(CONTRIB).strip(".").partition(".")[0]
    return not part or part in _MOVED


def gone(name: str, tensorflow: Any) -> str:
    """The sentence about what is nowhere."""
    return _GONE.format(name=name, version=getattr(tensorflow, "__version__", "2"))


class HParams:
    """``tf.contrib.training.HParams``: named values, of types that do not change."""

    def __init__(self, hparam_def: Any = None, model_structure: Any = None, **kwargs: Any) -> None:
        if hparam_def is not None:
            raise ValueError("hparam_def: give the values as keyword arguments instead")
        self._types: dict[str, tuple[type, bool]] = {}
        self._model_structure = model_structure
        for name, value in kwargs.items():
            self.add_hparam(name, value)

    def add_hparam(self, name: str, value: Any) -> None:
        if getattr(self, name, None) is not None:
            raise ValueError(f"Hyperparameter name is reserved: {name}")
        is_list = isinstance(value, (list, tuple))
        if is_list and not value:
            raise ValueError(f"Multi-valued hyperparameters cannot be empty: {name}")
        self._types[name] = (type(value[0]) if is_list else type(value), is_list)
        setattr(self, name, value)

    def set_hparam(self, name: str, value: Any) -> None:
        kind, is_list = self._types[name]
        if is_list is not isinstance(value, (list, tuple)):
            raise ValueError(
                f"Must {'' if is_list else 'not '}pass a list for {'multi' if is_list else 'single'}-"
                f"valued parameter: {name}"
            )
        setattr(self, name, [_cast(name, kind, one) for one in value] if is_list else _cast(name, kind, value))

    def del_hparam(self, name: str) -> None:
        if hasattr(self, name):
            delattr(self, name)
            del self._types[name]

    def parse(self, values: str) -> HParams:
        """Override values by a text: ``a=1,b=[2,3],c=x``."""
        return self.override_from_dict(dict(_parse(values)))

    def override_from_dict(self, values_dict: Any) -> HParams:
        for name, value in values_dict.items():
            if name not in self._types:
                raise ValueError(f"Unknown hyperparameter: {name}")
            self.set_hparam(name, value)
        return self

    def parse_json(self, values_json: str) -> HParams:
        return self.override_from_dict(importlib.import_module("json").loads(values_json))

    def to_json(self, **options: Any) -> str:
        return str(importlib.import_module("json").dumps(self.values(), **options))

    def values(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self._types}

    def get(self, key: str, default: Any = None) -> Any:
        return getattr(self, key) if key in self._types else default

    def __contains__(self, key: str) -> bool:
        return key in self._types

    def __str__(self) -> str:
        return str(sorted(self.values().items()))

    def __repr__(self) -> str:
        return f"HParams({self})"


def _cast(name: str, kind: type, value: Any) -> Any:
    if kind is type(None) or value is None or isinstance(value, kind):
        return value
    if kind is bool and isinstance(value, str) and value.lower() in ("true", "false", "0", "1"):
        return value.lower() in ("true", "1")
    if kind is float or (kind is int and not isinstance(value, float)) or kind is str:
        return kind(value)
    raise ValueError(f"Could not cast hparam {name!r} of type {kind.__name__} from value {value!r}")


def _parse(text: str) -> Iterator[tuple[str, Any]]:
    for match in re.finditer(r"\s*(\w+)\s*=\s*(\[[^\]]*\]|[^,\[]*)\s*(?:,|$)", text):
        value = match[2].strip()
        yield match[1], [_number(one.strip()) for one in value[1:-1].split(",")] if value[:1] == "[" else _number(value)


def _number(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (SyntaxError, ValueError):
        return text


def optimize_loss(
    loss: Any,
    global_step: Any,
    learning_rate: Any,
    optimizer: Any,
    gradient_noise_scale: float | None = None,
    gradient_multipliers: Any = None,
    clip_gradients: Any = None,
    learning_rate_decay_fn: Callable[[Any, Any], Any] | None = None,
    update_ops: Sequence[Any] | None = None,
    variables: Any = None,
    name: str | None = None,
    summaries: Any = None,  # noqa: ARG001 - they change no result
    colocate_gradients_with_ops: Any = None,
    increment_global_step: Any = 1,
) -> Any:
    """``tf.contrib.layers.optimize_loss``, without noise and multipliers of gradients."""
    if gradient_noise_scale is not None or gradient_multipliers is not None:
        raise ValueError("optimize_loss: gradient_noise_scale and gradient_multipliers are not supported here")
    tf = importlib.import_module("tensorflow").compat.v1
    step = tf.train.get_or_create_global_step() if global_step is None else global_step
    waits = tf.get_collection(tf.GraphKeys.UPDATE_OPS) if update_ops is None else update_ops
    with tf.variable_scope(name, "OptimizeLoss"), tf.control_dependencies(list(waits)):
        loss = tf.identity(loss)
        rate = learning_rate
        if learning_rate_decay_fn is not None:
            rate = learning_rate_decay_fn(rate, step)
        method = _optimizer(tf, optimizer, rate)
        pairs = method.compute_gradients(
            loss, variables or tf.trainable_variables(), colocate_gradients_with_ops=bool(colocate_gradients_with_ops)
        )
        if callable(clip_gradients):
            pairs = clip_gradients(pairs)
        elif clip_gradients is not None:
            clipped, _ = tf.clip_by_global_norm([gradient for gradient, _ in pairs], clip_gradients)
            pairs = [(gradient, variable) for gradient, (_, variable) in zip(clipped, pairs)]  # noqa: B905 - Python 3.9
        update = method.apply_gradients(pairs, global_step=step if increment_global_step else None, name="train")
        with tf.control_dependencies([update]):
            return tf.identity(loss)


def _optimizer(tf: Any, optimizer: Any, rate: Any) -> Any:
    named = {
        "Adagrad": tf.train.AdagradOptimizer,
        "Adam": tf.train.AdamOptimizer,
        "Ftrl": tf.train.FtrlOptimizer,
        "Momentum": lambda rate: tf.train.MomentumOptimizer(rate, momentum=0.9),
        "RMSProp": tf.train.RMSPropOptimizer,
        "SGD": tf.train.GradientDescentOptimizer,
    }
    if isinstance(optimizer, str):
        if optimizer not in named:
            raise ValueError(f"Optimizer name should be one of [{', '.join(named)}], you provided {optimizer}.")
        return named[optimizer](rate)
    if isinstance(optimizer, tf.train.Optimizer):
        return optimizer
    return optimizer() if rate is None else optimizer(rate)


def _forward_features(estimator: Any, keys: Any = None, sparse_default_values: Any = None) -> Any:
    """``tf.contrib.estimator.forward_features``: predictions have these features, too."""
    tf = importlib.import_module("tensorflow").compat.v1
    names = [keys] if isinstance(keys, str) else keys

    def model_fn(features: Any, labels: Any, mode: Any, config: Any) -> Any:
        spec = estimator.model_fn(features, labels, mode, config)
        if spec.predictions is None:
            return spec
        forwarded = {name: features[name] for name in names or features}
        for name, feature in forwarded.items():
            if isinstance(feature, tf.SparseTensor):
                forwarded[name] = tf.sparse.to_dense(feature, (sparse_default_values or {}).get(name))
        outputs = dict(spec.export_outputs or {})
        for name in ("predict", "serving_default"):
            if isinstance(outputs.get(name), tf.estimator.export.PredictOutput):
                outputs[name] = tf.estimator.export.PredictOutput({**outputs[name].outputs, **forwarded})
        return spec._replace(predictions={**spec.predictions, **forwarded}, export_outputs=outputs or None)

    return tf.estimator.Estimator(model_fn, estimator.model_dir, estimator.config)


def _aggregate_metric_map(names_to_tuples: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """``tf.contrib.metrics.aggregate_metric_map``: values and updates, each by name."""
    return tuple({name: pair[place] for name, pair in names_to_tuples.items()} for place in (0, 1))  # type: ignore[return-value]


def _list_devices() -> list[str]:
    devices = importlib.import_module("tensorflow").compat.v2.config.list_logical_devices()
    return [device.name for device in devices]


def _table(name: str) -> Callable[..., Any]:
    def make(mapping: Any, *args: Any, **kwargs: Any) -> Any:
        """Of ``tf.contrib.lookup``, whose first argument had another name."""
        return getattr(importlib.import_module("tensorflow.python.ops.lookup_ops"), name)(mapping, *args, **kwargs)

    return make


def _batch_and_drop_remainder(batch_size: Any) -> Callable[[Any], Any]:
    return lambda dataset: dataset.batch(batch_size, drop_remainder=True)


_OWN = {
    "data.batch_and_drop_remainder": _batch_and_drop_remainder,
    "eager.list_devices": _list_devices,
    "estimator.forward_features": _forward_features,
    "metrics.aggregate_metric_map": _aggregate_metric_map,
    "layers.optimize_loss": optimize_loss,
    "lookup.index_table_from_tensor": _table("index_table_from_tensor"),
    "lookup.index_to_string_table_from_tensor": _table("index_to_string_table_from_tensor"),
    "training.HParams": HParams,
}
"""By part and name."""
