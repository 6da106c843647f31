"""The runtime of jobs and model versions: the installed TensorFlow and Python, whatever they request."""

import functools
import platform
from collections.abc import Mapping
from importlib import metadata

from cloud.errors import InvalidArgument


def installed_runtimes() -> dict[str, frozenset[str]]:
    """What is installed, in the form of ``Abilities.runtimes``: ``{"2.21": {"3.11"}}``; empty without TensorFlow."""
    version = _tensorflow()
    return {_minor(version): frozenset({_minor(platform.python_version())})} if version else {}


def runtime_notice(runtime: str | None, python: str | None) -> str | None:
    """The log line of a job that requests these versions; None if it requests none."""
    requested = _describe(runtime, python)
    return f"The job requests {requested}. It runs in what is installed here: {_installed()}." if requested else None


def check_runtime(
    runtime: str | None, python: str | None, runtimes: Mapping[str, frozenset[str]] | None, field: str
) -> None:
    """
    Args:
        runtimes: see ``Abilities.runtimes``.

    Raises:
        InvalidArgument: a requested version is not available.
    """
    if runtimes is None:
        return
    if any(runtime in (None, known) and (python is None or python in pythons) for known, pythons in runtimes.items()):
        return
    if requested := _describe(runtime, python):
        raise InvalidArgument(
            f"{requested} is not installed here, only {_installed()}: request that or none, or accept any request with "
            "--runtime any",
            field=field,
        )


def _describe(runtime: str | None, python: str | None) -> str:
    requested = [f"runtime version {runtime}" if runtime else "", f"Python {python}" if python else ""]
    return " with ".join(filter(None, requested))


def _installed() -> str:
    version = _tensorflow()
    return f"{f'TensorFlow {version}' if version else 'no TensorFlow'} with Python {platform.python_version()}"


@functools.cache
def _tensorflow() -> str | None:
    try:
        return metadata.version("tensorflow")
    except metadata.PackageNotFoundError:
        return None


def _minor(version: str) -> str:
    return ".".join(version.split(".")[:2])
