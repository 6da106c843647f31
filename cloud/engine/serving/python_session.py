"""``PythonSession``: a SavedModel in a session of TensorFlow's Python library, where there is no library for C.

It runs the same loader. Only this module of ``cloud`` imports TensorFlow.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from cloud.engine.serving.failure import NOT_FOUND, TensorFlowError
from cloud.engine.serving.session import Call, Threads

_v1 = tf.compat.v1


class PythonSession:
    """See ``Session``, and ``CSession`` for the arguments and errors."""

    def __init__(self, path: str, tags: Sequence[str], threads: Threads) -> None:
        config = _v1.ConfigProto.FromString(threads.as_config())
        self._graph = tf.Graph()
        self._session = _v1.Session(graph=self._graph, config=config)
        with _errors():
            if not tf.saved_model.contains_saved_model(path):
                raise TensorFlowError(NOT_FOUND, f"Could not find SavedModel .pb or .pbtxt at {path}")
            loaded = _v1.saved_model.loader.load(self._session, list(tags), path)
        self.meta_graph: bytes = loaded.SerializeToString()

    def bind(self, feeds: Sequence[tuple[str, str]], fetches: Sequence[str]) -> Call:
        fetched, fed = [self._tensor(name) for name in fetches], [self._tensor(name) for name, _ in feeds]
        with _errors():
            run = self._session.make_callable(fetched, fed)

        def call(arrays: Sequence[NDArray[Any]]) -> list[NDArray[Any]]:
            with _errors():
                return [_plain(np.asarray(output)) for output in run(*arrays)]

        return call

    def are_initialized(self, probes: Mapping[str, str]) -> dict[str, bool]:
        with _errors():
            tests = [
                self._graph.create_op(kind, [self._tensor(node)], [tf.bool]).outputs[0] for node, kind in probes.items()
            ]
            return dict(zip(probes, map(bool, self._session.run(tests)), strict=True))

    def close(self) -> None:
        self._session.close()

    def _tensor(self, name: str) -> Any:
        try:
            return self._graph.get_tensor_by_name(name if ":" in name else f"{name}:0")
        except (KeyError, ValueError):
            raise TensorFlowError(NOT_FOUND, f"the graph has no tensor {name}") from None


def load_custom_ops(path: str) -> None:
    """Make the operations in a shared library known."""
    with _errors():
        tf.load_op_library(path)


@contextmanager
def _errors() -> Iterator[None]:
    try:
        yield
    except TensorFlowError:
        raise
    except tf.errors.OpError as error:
        raise TensorFlowError(error.error_code, error.message or str(error)) from error
    except Exception as error:  # it raises many types for damaged files
        raise TensorFlowError(tf.errors.UNKNOWN, f"{type(error).__name__}: {error}") from error


def _plain(array: NDArray[Any]) -> NDArray[Any]:
    """bfloat16 is a type of TensorFlow's own: as float32."""
    return array.astype(np.float32) if array.dtype.name == "bfloat16" else array
