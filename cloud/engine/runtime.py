"""In which TensorFlow and Python jobs run and versions are served: the installed ones, whatever they ask for."""

import functools
import platform
from collections.abc import Mapping
from importlib import metadata

from cloud.errors import InvalidArgument


def installed_runtimes() -> dict[str, frozenset[str]]:
    """What is installed as ``Abilities.runtimes`` says it: ``{"2.21": {"3.11"}}``; nothing without TensorFlow."""
    version = _tensorflow()
    return {_minor(version): frozenset({_minor(platform.python_version())})} if version else {}


def runtime_notice(runtime: str | None, python: str | None) -> str | None:
    """What the log of a job that asks for these is to say of that; None if it asks for nothing."""
    asked = _spoken(runtime, python)
    return f"The job asks for {asked} and runs in what is installed here: {_installed()}." if asked else None


def check_runtime(
    runtime: str | None, python: str | None, runtimes: Mapping[str, frozenset[str]] | None, field: str
) -> None:
    """
    Args:
        runtimes: see ``Abilities.runtimes``.

    Raises:
        InvalidArgument: something is asked for that is not there.
    """
    if runtimes is None:
        return
    if any(runtime in (None, known) and (python is None or python in pythons) for known, pythons in runtimes.items()):
        return
    if asked := _spoken(runtime, python):
        raise InvalidArgument(
            f"{asked} is not what is installed here, {_installed()}: ask for that or for none, or have any run in it "
            "(--runtime any)",
            field=field,
        )


def _spoken(runtime: str | None, python: str | None) -> str:
    asked = [f"runtime version {runtime}" if runtime else "", f"Python {python}" if python else ""]
    return " with ".join(filter(None, asked))


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
