"""What a folder of links shows of others: all their entries but what hidden distributions name as their files."""

import csv
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

Tree = dict[str, "Path | Tree"]
"""By name, an entry to link to, or a folder to make."""
_BYTECODE = "__pycache__"
_INIT = "__init__.py"


@dataclass(frozen=True, slots=True)
class Source:
    """A folder whose entries are shown.

    Args:
        hidden: files in it that are not, as paths relative to it.
    """

    folder: Path
    hidden: Iterable[str] = ()


def recorded_files(info: Path) -> list[str]:
    """The files of a distribution, relative to the folder of its metadata ``info``, which is among them."""
    own = [info.name]
    try:
        with (info / "RECORD").open(newline="", encoding="utf-8") as lines:
            return own + [row[0] for row in csv.reader(lines) if row]
    except (FileNotFoundError, NotADirectoryError):
        pass  # installed by the system's package manager
    try:
        tops = (info / "top_level.txt").read_text(encoding="utf-8").split()
    except (FileNotFoundError, NotADirectoryError):
        tops = [info.name.partition("-")[0].removesuffix(".egg-info")]
    return own + [f"{top}{suffix}" for top in tops for suffix in (f"/{_INIT}", ".py")]


def merge(sources: Sequence[Source]) -> Tree:
    """The entries of all sources; of two with the same name the first, as in an import, unless both are folders of a
    namespace, which are merged."""
    merged: Tree = {}
    for source in sources:
        _merge(merged, _shown(source.folder, _branch(source.hidden), is_top=True))
    return merged


def make(tree: Mapping[str, "Path | Tree"], folder: Path) -> None:
    """Make ``folder`` with the links and folders of ``tree``."""
    os.mkdir(folder)
    for name, entry in tree.items():
        if isinstance(entry, Path):
            os.symlink(entry, folder / name)
        else:
            make(entry, folder / name)


_Branch = dict[str, "_Branch"]
"""By name, what is hidden below; of a file nothing."""


def _branch(files: Iterable[str]) -> _Branch:
    root: _Branch = {}
    for file in files:
        branch = root
        parts = file.split("/")
        if parts[0] in ("", ".."):  # scripts and such lie outside the folder
            continue
        for part in parts:
            branch = branch.setdefault(part, {})
    return root


def _shown(folder: Path, hidden: _Branch, *, is_top: bool = False) -> Tree:
    shown: Tree = {}
    with os.scandir(folder) as entries:
        for entry in entries:
            name, below = entry.name, hidden.get(entry.name)
            path = folder / name
            if below is None or (is_top and name == _BYTECODE):
                shown[name] = path
            elif below and entry.is_dir() and not name.endswith((".dist-info", ".egg-info")) and _is_namespace(path):
                # Its parts belong to several distributions, and not all of them need to be hidden.
                part = _shown(path, below)
                shown.update({name: part} if part else {})
    if not is_top and shown.keys() <= {_BYTECODE}:
        return {}
    if not is_top and (folder / _INIT).exists():  # it makes the folder a namespace
        shown[_INIT] = folder / _INIT
    return shown


def _merge(merged: Tree, more: Tree) -> None:
    for name, entry in more.items():
        present = merged.setdefault(name, entry)
        if present is entry:
            continue
        first, second = _as_namespace(present), _as_namespace(entry)
        if first is not None and second is not None and name != _BYTECODE:
            merged[name] = first
            _merge(first, second)


def _as_namespace(entry: "Path | Tree") -> Tree | None:
    if not isinstance(entry, Path):
        return entry
    is_package = entry.is_dir() and "." not in entry.name and _is_namespace(entry)
    return _shown(entry, {}) if is_package else None


def _is_namespace(folder: Path) -> bool:
    """Whether several distributions have modules in ``folder``."""
    try:
        text = (folder / _INIT).read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return True
    return "extend_path(" in text or "declare_namespace(" in text
