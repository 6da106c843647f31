"""How many files a cloud's process may have open: raised as far as is useful, and shared out, before clients come."""

import contextlib
import resource

from cloud.errors import FailedPrecondition
from cloud.settings import Settings

_USEFUL = 16_384
"""More would not help, and programs that this process starts inherit it: some close every descriptor there may be."""
_OWN = 256
"""For records, fake-gcs-server, launchers and workers, and for connections that are just being refused."""
_PER_JOB = 32
"""For the pipes and sockets of its replicas, and for its packages."""
_FEWEST_CONNECTIONS = 32
_PER_CONNECTION = 2
"""The client's, and the one to fake-gcs-server or a worker that it leads to."""


def provide(settings: Settings) -> None:
    """Raise the soft limit.

    Raises:
        FailedPrecondition: the hard limit is too low for what is configured.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _USEFUL if hard == resource.RLIM_INFINITY else min(_USEFUL, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(ValueError, OSError):  # macOS has one more limit, of the kernel
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    needed = _reserved(settings) + _FEWEST_CONNECTIONS * _PER_CONNECTION
    if (most := _limit()) < needed:
        raise FailedPrecondition(
            f"this process may have {most} files open at a time, and a local cloud with {settings.concurrent_jobs} "
            f"concurrent jobs needs {needed}: allow more (ulimit -n {needed}), or fewer jobs (CLOUD_CONCURRENT_JOBS)"
        )


def connections(settings: Settings) -> int:
    """How many connections of clients fit."""
    return (_limit() - _reserved(settings)) // _PER_CONNECTION


def _reserved(settings: Settings) -> int:
    return _OWN + _PER_JOB * settings.concurrent_jobs


def _limit() -> int:
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return _USEFUL if soft == resource.RLIM_INFINITY else soft
