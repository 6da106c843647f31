"""Opens a SavedModel: by TensorFlow's C API, or by its Python library where that is missing."""

import importlib.util
from collections.abc import Callable, Iterator
from pathlib import Path

from cloud.engine.serving.c_session import CSession
from cloud.engine.serving.failure import TensorFlowError
from cloud.engine.serving.refusals import unknown_operation
from cloud.engine.serving.session import Session, Threads
from cloud.engine.serving.tensorflow_c import load_library

TAGS = ["serve"]
"""Those of the graph that is served."""

Opener = Callable[[str, Threads], Session]
"""Loads the SavedModel at a path. Raises ``TensorFlowError``."""


def open_session(path: str, threads: Threads) -> Session:
    """Load the SavedModel at ``path``, local or on a file system of TensorFlow's.

    Raises:
        TensorFlowError: it cannot be loaded.
    """
    library = load_library()
    if library is None:
        return open_python_session(path, threads)
    return _with_custom_ops(lambda: CSession(library, path, TAGS, threads), library.load_custom_ops)


def open_python_session(path: str, threads: Threads) -> Session:
    """``open_session`` by the Python library, which has to be imported."""
    from cloud.engine.serving.python_session import PythonSession, load_custom_ops

    def load() -> Session:
        return PythonSession(path, TAGS, threads)

    return _with_custom_ops(load, load_custom_ops)


def _with_custom_ops(load: Callable[[], Session], load_custom_ops: Callable[[str], None]) -> Session:
    try:
        return load()
    except TensorFlowError as error:
        if not unknown_operation(error):
            raise
        libraries = list(_libraries_of_tensorflow_text())
        if not libraries:
            raise
    for library in libraries:
        load_custom_ops(str(library))
    return load()


def _libraries_of_tensorflow_text() -> Iterator[Path]:
    """The shared libraries with tensorflow-text's operations, where it is installed. It is not imported."""
    spec = importlib.util.find_spec("tensorflow_text")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        yield from sorted(Path(folder).glob("python/**/_*.so"))
