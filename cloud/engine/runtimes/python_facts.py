"""What of an interpreter decides which packages it can have, asked of the interpreter itself, once."""

import asyncio
import json
import sys
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from packaging.markers import default_environment

from cloud.errors import FailedPrecondition

_PROGRAM = """
import json, platform, sys, sysconfig
info = sys.version_info
print(json.dumps({
    "tag": (sys.implementation.cache_tag or "none") + "-" + sysconfig.get_platform(),
    "markers": {
        "implementation_name": sys.implementation.name,
        "platform_python_implementation": platform.python_implementation(),
        "python_full_version": platform.python_version(),
        "python_version": "%d.%d" % info[:2],
        "implementation_version": "%d.%d.%d" % sys.implementation.version[:3],
    },
}))
"""


@dataclass(frozen=True, slots=True)
class PythonFacts:
    """
    Args:
        tag: of its compiled modules and their platform: ``cpython-311-linux-x86_64``.
        markers: the values of environment markers.
    """

    tag: str
    markers: Mapping[str, str]

    @property
    def version(self) -> str:
        """Major and minor: ``3.11``."""
        return self.markers["python_version"]

    @property
    def full_version(self) -> str:
        """``3.11.7``."""
        return self.markers["python_full_version"]


_known: dict[tuple[Path, int], PythonFacts] = {}


async def python_facts(interpreter: Path) -> PythonFacts:
    """
    Raises:
        FailedPrecondition: the interpreter has gone, or is not a Python 3.
    """
    key = _identify(interpreter)
    if key not in _known:
        _known[key] = await _ask(interpreter)
    return _known[key]


def _identify(interpreter: Path) -> tuple[Path, int]:
    try:
        return interpreter.resolve(), interpreter.stat().st_mtime_ns
    except OSError as error:
        raise FailedPrecondition(
            f"the runtime's Python {interpreter} has gone: make the runtime again with python -m cloud.runtimes add"
        ) from error


def _is_this(interpreter: Path) -> bool:
    return interpreter.resolve() == Path(sys.executable).resolve()


async def _ask(interpreter: Path) -> PythonFacts:
    if _is_this(interpreter):  # perhaps in another environment
        tag = f"{sys.implementation.cache_tag}-{sysconfig.get_platform()}"
        return PythonFacts(tag, cast(Mapping[str, str], default_environment()))
    process = await asyncio.create_subprocess_exec(
        str(interpreter), "-I", "-S", "-c", _PROGRAM, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    output, errors = await process.communicate()
    if process.returncode:
        said = errors.decode(errors="replace").strip().rpartition("\n")[2][-300:]
        raise FailedPrecondition(f"{interpreter} is no Python that can be used: {said}")
    facts = json.loads(output)
    # The machine is the same; what differs between two of its Pythons is asked.
    return PythonFacts(facts["tag"], {**cast(Mapping[str, str], default_environment()), **facts["markers"]})
