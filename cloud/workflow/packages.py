"""Checks a trainer's packages before a run begins, by the rules of ``gcloud ai-platform jobs submit training``.

``--package-path`` is the folder with ``__init__.py``; the ``setup.py`` next to it, if there is one, decides what is
packed. See ``backends/packaging`` for the sources.
"""

import os
from collections.abc import Sequence
from pathlib import Path

from cloud.errors import InvalidArgument
from cloud.names import GsUri

ARCHIVES = (".tar.gz", ".whl", ".zip")
_PATH, _MODULE, _PACKAGES = "--package-path", "--module", "--packages"


def check_archives(packages: Sequence[str | Path]) -> tuple[Path | GsUri, ...]:
    """The archives that these names mean: files of this machine, and ``gs://`` objects.

    Raises:
        InvalidArgument: there is no such file, it is no package, or two have the same name.
    """
    found: list[Path | GsUri] = []
    for text in map(str, packages):
        item = GsUri.parse(text, _PACKAGES) if text.startswith("gs://") else Path(text)
        if not text.endswith(ARCHIVES):
            raise InvalidArgument(
                f"{text}: a package is an archive ({', '.join(ARCHIVES)}); build one with python -m build, or give a "
                f"package's folder with {_PATH}",
                field=_PACKAGES,
            )
        if isinstance(item, Path) and not item.is_file():
            raise InvalidArgument(f"no such file: {text}", field=_PACKAGES)
        if item.name in {other.name for other in found}:
            raise InvalidArgument(f"two packages have the same name: {item.name}", field=_PACKAGES)
        found.append(item)
    return tuple(found)


def find_package(package_path: Path | None, module: str, *, has_archives: bool) -> Path | None:
    """The folder of the trainer's package; None if it is in an archive.

    Raises:
        InvalidArgument: there is no such package, or ``module`` will not be in it.
    """
    if package_path is None:
        if has_archives:
            return None
        package_path = Path(module.partition(".")[0])
        if not package_path.is_dir():
            raise InvalidArgument(
                f"is missing: the folder of {module}'s package, which has an __init__.py, or {_PACKAGES} with an "
                "archive of it",
                field=_PATH,
            )
    folder = Path(os.path.abspath(package_path))  # keeps the name of a link
    if folder.is_file():
        raise InvalidArgument(f"{package_path} is a file: give the folder of the package", field=_PATH)
    if not folder.is_dir():
        raise InvalidArgument(f"no such folder: {package_path}", field=_PATH)
    if not (folder / "__init__.py").is_file():
        raise InvalidArgument(_no_package(package_path, folder), field=_PATH)
    if not has_archives and not (folder.parent / "setup.py").is_file():
        _check_module(folder, module)
    return folder


def left_out(folder: Path) -> str:
    """What next to the package, or in it, is not packed as it has no ``setup.py``; empty if nothing."""
    if (folder.parent / "setup.py").is_file():
        return ""
    inside = [
        f"{path.name}/" for path in sorted(folder.iterdir()) if path.is_dir() and (path / "__init__.py").is_file()
    ]
    beside = [name for name in ("pyproject.toml", "requirements.txt", "setup.cfg") if (folder.parent / name).is_file()]
    if (folder.parent.parent / "setup.py").is_file() and folder.parent.name == "src":
        beside.append("../setup.py")
    return ", ".join(inside + beside)


def _no_package(given: Path, folder: Path) -> str:
    below = [*folder.glob("*/__init__.py"), *folder.glob("src/*/__init__.py")]
    packages = sorted(str(given / file.parent.relative_to(folder)) for file in below if file.parent.name != "tests")
    if packages:
        return f"{given} is no package: it has no __init__.py. The folder of a package in it is {' or '.join(packages)}"
    if any(folder.glob("*.py")):
        return f"{given} is no package: it has no __init__.py. Make an empty one: touch {given / '__init__.py'}"
    return f"{given} is no package: it has no __init__.py"


def _check_module(folder: Path, module: str) -> None:
    modules = {f"{folder.name}.{file.stem}" for file in folder.glob("*.py")}
    if not modules.isdisjoint((module, f"{module}.__main__")):
        return
    why = f"there is no {module} in {folder}"
    if module.partition(".")[0] != folder.name:
        raise InvalidArgument(f"{why}, whose modules are named {folder.name}.…", field=_MODULE)
    raise InvalidArgument(
        f"{why}: without a setup.py next to it, a package is packed with its own .py files and no subpackages. For "
        f"more, write {folder.parent / 'setup.py'}, or build an archive (python -m build) and give it with {_PACKAGES}",
        field=_MODULE,
    )
