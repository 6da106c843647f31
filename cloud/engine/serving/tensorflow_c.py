"""TensorFlow's C API, by ctypes: what serving needs of tensorflow/c/c_api.h and its companions.

It is the interface of the C++ code that TensorFlow Serving loads models with, and needs no ``import tensorflow``, which
takes six times as long. A process that has loaded the library this way should not import TensorFlow, too.
"""

import ctypes
import importlib.util
import logging
import os
import sys
import threading
from collections.abc import Callable
from ctypes import POINTER, Structure, c_char_p, c_int, c_int64, c_size_t, c_void_p
from functools import cache
from pathlib import Path
from typing import Any

from cloud.engine.serving.failure import TensorFlowError

_log = logging.getLogger(__name__)
_lock = threading.Lock()
_FILE = "libtensorflow_cc.2.dylib" if sys.platform == "darwin" else "libtensorflow_cc.so.2"


class Output(Structure):
    """``TF_Output``, and ``TF_Input``: one output, or input, of an operation."""

    _fields_ = (("operation", c_void_p), ("index", c_int))


class Buffer(Structure):
    """``TF_Buffer``."""

    _fields_ = (("data", c_void_p), ("length", c_size_t), ("deallocator", c_void_p))


DEALLOCATOR = ctypes.CFUNCTYPE(None, c_void_p, c_size_t, c_void_p)
"""Data, length and argument of ``TF_NewTensor``."""

_SIGNATURES: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "TF_NewStatus": (c_void_p, ()),
    "TF_DeleteStatus": (None, (c_void_p,)),
    "TF_GetCode": (c_int, (c_void_p,)),
    "TF_Message": (c_char_p, (c_void_p,)),
    "TF_NewBuffer": (POINTER(Buffer), ()),
    "TF_DeleteBuffer": (None, (POINTER(Buffer),)),
    "TF_NewGraph": (c_void_p, ()),
    "TF_DeleteGraph": (None, (c_void_p,)),
    "TF_GraphOperationByName": (c_void_p, (c_void_p, c_char_p)),
    "TF_OperationNumOutputs": (c_int, (c_void_p,)),
    "TF_NewOperation": (c_void_p, (c_void_p, c_char_p, c_char_p)),
    "TF_AddInput": (None, (c_void_p, Output)),
    "TF_FinishOperation": (c_void_p, (c_void_p, c_void_p)),
    "TF_NewSessionOptions": (c_void_p, ()),
    "TF_DeleteSessionOptions": (None, (c_void_p,)),
    "TF_SetConfig": (None, (c_void_p, c_char_p, c_size_t, c_void_p)),
    "TF_LoadSessionFromSavedModel": (
        c_void_p,
        (*(c_void_p, c_void_p, c_char_p, POINTER(c_char_p), c_int), *(c_void_p, POINTER(Buffer), c_void_p)),
    ),
    "TF_CloseSession": (None, (c_void_p, c_void_p)),
    "TF_DeleteSession": (None, (c_void_p, c_void_p)),
    "TF_SessionRun": (
        None,
        (
            *(c_void_p, c_void_p),
            *(POINTER(Output), POINTER(c_void_p), c_int),
            *(POINTER(Output), POINTER(c_void_p), c_int),
            *(c_void_p, c_int, c_void_p, c_void_p),
        ),
    ),
    "TF_AllocateTensor": (c_void_p, (c_int, c_char_p, c_int, c_size_t)),
    "TF_NewTensor": (c_void_p, (c_int, c_char_p, c_int, c_void_p, c_size_t, DEALLOCATOR, c_void_p)),
    "TF_DeleteTensor": (None, (c_void_p,)),
    "TF_TensorType": (c_int, (c_void_p,)),
    "TF_NumDims": (c_int, (c_void_p,)),
    "TF_Dim": (c_int64, (c_void_p, c_int)),
    "TF_TensorData": (c_void_p, (c_void_p,)),
    "TF_TensorByteSize": (c_size_t, (c_void_p,)),
    "TF_StringGetDataPointer": (c_void_p, (c_void_p,)),
    "TF_StringGetSize": (c_size_t, (c_void_p,)),
    "TF_LoadLibrary": (c_void_p, (c_char_p, c_void_p)),
}


class Library:
    """The functions of the C API by their names, ``TF_NewStatus`` for example.

    Raises:
        OSError: the file is no library, or is not TensorFlow's.
    """

    def __init__(self, path: Path) -> None:
        library = ctypes.CDLL(str(path), handle=_open(path))
        try:
            for name, (result, arguments) in _SIGNATURES.items():
                function = getattr(library, name)
                function.restype, function.argtypes = result, arguments
                setattr(self, name, function)
        except AttributeError as error:
            raise OSError(f"{path} lacks a function of TensorFlow's C API: {error}") from error

    def __getattr__(self, name: str) -> Callable[..., Any]:
        raise AttributeError(name)  # for the type checker; functions are attributes of the instance

    def load_custom_ops(self, path: str) -> None:
        """Make the operations in a shared library known.

        Raises:
            TensorFlowError: it is no such library.
        """
        status = self.TF_NewStatus()
        try:
            self.TF_LoadLibrary(os.fsencode(path), status)
            self.check(status)
        finally:
            self.TF_DeleteStatus(status)

    def check(self, status: int) -> None:
        """Raises:
        TensorFlowError: ``status`` is one of failure.
        """
        if code := self.TF_GetCode(status):
            raise TensorFlowError(code, self.TF_Message(status).decode(errors="replace"))


def load_library() -> Library | None:
    """The library of the installed TensorFlow, loaded once for the process; None if it has none, or one that
    cannot be used."""
    with _lock:
        return _load_library()


@cache
def _load_library() -> Library | None:
    path = find_library()
    try:
        return Library(path) if path else None
    except OSError as error:
        _log.warning("TensorFlow's C API cannot be used, so its Python library is: %s", error)
        return None


def find_library() -> Path | None:
    """The library in the installed TensorFlow, which is not imported; None if it has none."""
    spec = importlib.util.find_spec("tensorflow")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        if (path := Path(folder) / _FILE).is_file():
            return path
    return None


def _open(path: Path) -> int | None:
    """A handle of the library; None if it cannot be opened, whereupon ctypes tries again, and raises the reason.

    Unlike ctypes itself, this lets Python's other threads run meanwhile, and looks up a function at its first call,
    which saves a third of the time.
    """
    dlopen = ctypes.CDLL(None).dlopen
    dlopen.restype, dlopen.argtypes = c_void_p, (c_char_p, c_int)
    # With RTLD_GLOBAL its BoringSSL would take the place of the OpenSSL that Python's hashlib needs.
    handle: int | None = dlopen(os.fsencode(path), os.RTLD_LAZY | os.RTLD_LOCAL)
    return handle
