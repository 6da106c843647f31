"""Builds a wheel from an unpacked source distribution with the build backend that it names (PEP 517, PEP 518).

    python -m build_wheel SOURCE RESULT

Self-contained; the launcher runs it in the job's Python, warm with setuptools loaded or cold, from 3.7 on. There is no
network, so build requirements must be installed. As with ``pip install --no-build-isolation``, another version than the
required one is only warned of. ``result.json`` in the folder RESULT will be ``{"wheel": FILENAME}`` or
``{"missing": [REQUIREMENT, ...]}``. If the backend fails, its traceback goes to stderr.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable


def _first_found(*names: str) -> Any:
    """The first of these modules that is there: an older Python, or a runtime without them, has setuptools' copies."""
    for name in names:
        try:
            return importlib.import_module(name)
        except ImportError:
            continue
    raise ModuleNotFoundError(f"none of the modules {', '.join(names)} is there")


Requirement = _first_found("packaging.requirements", "setuptools._vendor.packaging.requirements").Requirement
Version = _first_found("packaging.version", "setuptools._vendor.packaging.version").Version

_DEFAULT_BACKEND = "setuptools.build_meta:__legacy__"  # PEP 517, "if the pyproject.toml file is absent"
_NEEDS_NO_WHEEL = Version("70.1")
"""From this version on setuptools builds wheels itself, though many a ``pyproject.toml`` still requires ``wheel``."""


def main(source: Path, result: Path) -> dict[str, object]:
    # The build backend, and processes that it starts, must not import from this program's folder.
    sys.path.remove(str(Path(__file__).parent))
    os.environ.pop("PYTHONPATH", None)
    os.chdir(source)
    system = _build_system(source)
    missing = _missing(system.get("requires", ()))
    if missing:
        return {"missing": missing}
    sys.path[:0] = [str(source / folder) for folder in system.get("backend-path", ())]
    backend = _backend(system.get("build-backend", _DEFAULT_BACKEND))
    if hasattr(backend, "get_requires_for_build_wheel"):
        missing = _missing(backend.get_requires_for_build_wheel({}))
        if missing:
            return {"missing": missing}
    return {"wheel": backend.build_wheel(str(result), {}, None)}


def _build_system(source: Path) -> dict[str, Any]:
    path = source / "pyproject.toml"
    if not path.is_file():
        return {}
    toml = _first_found("tomllib", "tomli", "setuptools._vendor.tomli", "pip._vendor.tomli")
    system: dict[str, Any] = toml.loads(path.read_text(encoding="utf-8")).get("build-system", {})
    return system


def _backend(name: str) -> Any:
    module, _, attributes = name.partition(":")
    backend: Any = importlib.import_module(module)
    for attribute in filter(None, attributes.split(".")):
        backend = getattr(backend, attribute)
    return backend


def _missing(requirements: Iterable[str]) -> list[str]:
    missing = []
    for text in requirements:
        requirement = Requirement(text)
        if requirement.marker and not requirement.marker.evaluate():
            continue
        installed = _installed(requirement.name)
        if installed is None and not (requirement.name == "wheel" and _setuptools_writes_wheels()):
            missing.append(text)
        elif installed is not None and not requirement.specifier.contains(installed, prereleases=True):
            print(f"The build requires {text}; {installed} is installed and used instead.", file=sys.stderr)  # noqa: T201
    return missing


def _installed(name: str) -> Any:
    """The version that is installed; None if there is none."""
    try:
        metadata = importlib.import_module("importlib.metadata")
    except ImportError:  # Python 3.7
        found = importlib.import_module("pkg_resources").working_set.by_key.get(name.lower())
        return Version(found.version) if found else None
    try:
        return Version(metadata.version(name))
    except metadata.PackageNotFoundError:
        return None


def _setuptools_writes_wheels() -> bool:
    version = _installed("setuptools")
    return version is not None and version >= _NEEDS_NO_WHEEL


if __name__ == "__main__":
    source, result = map(Path, sys.argv[1:])
    (result / "result.json").write_text(json.dumps(main(source, result)), encoding="utf-8")
    sys.stdout.flush()
    sys.stderr.flush()
    # Skip finalization: it takes as long as the build.
    os._exit(0)
