"""What a new process has of its own, set for a process that got it from the fork server instead.

The interpreter sets some of it when it starts, a library when it is imported; each is listed here with its module.
"""

import ctypes
import os
import sys
import time
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any


def replace_environ(environ: Mapping[str, str]) -> None:
    """Set exactly ``environ``, for Python and for C code; preloaded libraries may have set other variables."""
    ctypes.CDLL(None).clearenv()
    os.environ.clear()
    os.environ.update(environ)
    time.tzset()


def renew(main: ModuleType) -> None:
    """Renew what the modules that are loaded have computed from the environment or at random. Call it once the
    environment is the process's own.

    Args:
        main: the process's ``__main__``.
    """
    sys.modules["__main__"] = main
    for name, set_anew in _RENEWALS.items():
        if name in sys.modules:
            set_anew(sys.modules[name], main)


def _renew_site(site: Any, _: ModuleType) -> None:
    if site.USER_BASE is not None:
        site.USER_BASE = site.USER_SITE = None
        site.getusersitepackages()  # sets both


def _renew_threading(threading: Any, _: ModuleType) -> None:
    threading.main_thread()._set_native_id()  # not done by Python's own code after a fork


def _renew_multiprocessing(process: Any, main: ModuleType) -> None:
    sys.modules["__mp_main__"] = main  # by this name child processes refer to what the main module defines
    process.current_process().authkey = os.urandom(32)


def _renew_tempfile(tempfile: Any, _: ModuleType) -> None:
    tempfile.tempdir = None


def _renew_httplib2(httplib2: Any, _: ModuleType) -> None:
    httplib2.CA_CERTS = httplib2.certs.where()


def _renew_keras(config: Any, _: ModuleType) -> None:
    # There is no KERAS_HOME: a process with such a variable starts cold.
    config._KERAS_DIR = os.path.join(os.path.expanduser("~"), ".keras")


def _renew_numpy(random: Any, _: ModuleType) -> None:
    random.seed()  # as the standard library's random does after a fork


_RENEWALS: Mapping[str, Callable[[Any, ModuleType], None]] = {
    "site": _renew_site,
    "threading": _renew_threading,
    "multiprocessing.process": _renew_multiprocessing,
    "tempfile": _renew_tempfile,
    "httplib2": _renew_httplib2,  # TensorFlow loads it; google-api-python-client uses its CA certificates
    "keras.src.backend.config": _renew_keras,
    "numpy.random": _renew_numpy,
}
