"""Environment variables that have an effect only if they are set before Python starts, or before a library is imported.

A process that gets them must start cold: in a warm one both has happened already. Found by tracing what Python 3.11 to
3.13, TensorFlow 2.21, Keras 3 and setuptools read from the environment while they are loaded, from Python and from C.
``TF_USE_LEGACY_KERAS`` is missing on purpose: warm processes heed it (``forkserver/legacy_keras.py``), as they do what
TensorFlow reads when it is used (``TF_NUM_INTRAOP_THREADS``, ``TF_DETERMINISTIC_OPS``, ``CUDA_VISIBLE_DEVICES``).
"""

import re
from collections.abc import Iterable
from pathlib import Path

_INTERPRETER = r"PYTHON(?!PATH$|UNBUFFERED$)\w*|LC_\w+|LANG|LD_\w+|MALLOC_\w+|GLIBC_TUNABLES"
"""Read by Python, the dynamic linker and the C library: a program cannot set them for itself."""
_LIBRARIES = "|".join(
    (
        r"KERAS_\w+|TF_ENABLE\w+|TF_XLA_\w+|XLA_FLAGS|TF_JIT_\w+|TF_FUNCTION_JIT_\w+|TF_OPTIONALS_\w+|TF_NP_\w+",
        r"TF_USE_MODULAR_FILESYSTEM|TF_PLUGGABLE_\w+|TF_FORWARD_COMPATIBILITY_\w+|GRPC_\w+",
        r"GCS_(?:READ|READAHEAD|STAT|MATCHING|RETRY|REQUEST|METADATA|WRITE|RESOLVE|THROTTLE|ALLOWED|APPEND)_\w+",
        r"PROTOCOL_BUFFERS_\w+|OMP_\w+|KMP_\w+|MKL_\w+|OPENBLAS_\w+|GOTO_NUM_THREADS|NPY_\w+|NUMPY_\w+|HDF5_\w+",
        r"OPENSSL_\w+|PILLOW_\w+|WRAPT_\w+|SETUPTOOLS_\w+",
    )
)
_LOGGING = r"TF_CPP_\w+"
"""What TensorFlow logs. Many a trainer sets it for itself, and is no other for it: that does not make it start cold."""

_READ_AT_START = re.compile(f"{_INTERPRETER}|{_LIBRARIES}|{_LOGGING}")
_NAMED = re.compile(rf"""(["'])({_LIBRARIES})\1""".encode())


def read_at_start(names: Iterable[str]) -> list[str]:
    """Those of ``names`` that make a process start cold, in order."""
    return sorted(name for name in set(names) if _READ_AT_START.fullmatch(name))


def read_at_import(source: Path) -> list[str]:
    """The variables that a program may set for itself before it imports a library, in order: those that the Python
    files of the folder ``source`` have as a string."""
    found = {match[2].decode() for path in source.rglob("*.py") for match in _NAMED.finditer(path.read_bytes())}
    return sorted(found)
