"""Builds a view of the installed environment, see ``view``."""

import json
import os
import platform
import shutil
import sys
import sysconfig
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from packaging.utils import NormalizedName, canonicalize_name

from cloud.engine.runtimes.link_tree import Source, make, merge, recorded_files
from cloud.engine.runtimes.scripts import add_scripts, make_bin, recorded_scripts
from cloud.engine.runtimes.view_folders import ABOUT, base_interpreter, is_usable, python_of, site_of
from cloud.engine.runtimes.visibility import hidden_names, read_requires
from cloud.folders import temporary

_INFO = (".dist-info", ".egg-info")


@dataclass(frozen=True)
class _Installed:
    """A distribution.

    Args:
        folder: the one of the import path that it is in.
    """

    name: NormalizedName
    info: Path
    folder: Path

    @cached_property
    def files(self) -> list[str]:
        return recorded_files(self.info)


def build_view(view: Path, folders: Sequence[Path]) -> None:
    """Make the folder ``view``, at once: of two clouds that build it the later one leaves the other's.

    Args:
        folders: of what is installed, in the order of the import path.

    Raises:
        OSError: it cannot be written.
    """
    view.parent.mkdir(parents=True, exist_ok=True)
    private = temporary.create(temporary.Kind.VIEW, view.parent)
    try:
        _fill(private, view, folders)
        if not is_usable(view):
            shutil.rmtree(view, ignore_errors=True)
        private.rename(view)
    except OSError:
        if not is_usable(view):
            raise
    finally:
        temporary.remove(private)


def _fill(private: Path, view: Path, folders: Sequence[Path]) -> None:
    found = list(_distributions(folders))
    first = {each.name: each for each in reversed(found)}
    hidden = _hidden(first)
    sources = [Source(folder, tuple(_hidden_files(folder, found, first, hidden))) for folder in folders]
    site_of(private).parent.mkdir(parents=True)
    make(merge(sources), site_of(private))
    base = base_interpreter()
    make_bin(private / "bin", base, sys.version_info[:2])
    _add_scripts(private, view, base, [each for each in found if each.name in hidden], found)
    config = {
        "home": base.parent,
        "implementation": platform.python_implementation(),
        "include-system-site-packages": "false",
        "version": platform.python_version(),
    }
    text = "".join(f"{key} = {value}\n" for key, value in config.items())
    (private / "pyvenv.cfg").write_text(text, encoding="utf-8")
    about = {"name": "installed", "prefix": sys.prefix, "hidden": sorted(hidden)}
    (private / ABOUT).write_text(json.dumps(about), encoding="utf-8")


def hidden_from_jobs(folders: Sequence[Path]) -> set[NormalizedName]:
    """The distributions in ``folders`` that no job sees."""
    return _hidden({each.name: each for each in _distributions(folders)})


def _hidden(found: Mapping[NormalizedName, _Installed]) -> set[NormalizedName]:
    return hidden_names({name: read_requires(each.info) for name, each in found.items()})


def _distributions(folders: Sequence[Path]) -> Iterator[_Installed]:
    for folder in folders:
        for entry in sorted(os.listdir(folder)):
            if entry.endswith(_INFO):
                name = canonicalize_name(entry.rpartition(".")[0].partition("-")[0])
                yield _Installed(name, folder / entry, folder)


def _hidden_files(
    folder: Path,
    found: Sequence[_Installed],
    first: dict[NormalizedName, _Installed],
    hidden: set[NormalizedName],
) -> Iterator[str]:
    for each in found:
        if each.folder == folder and each.name in hidden:
            yield from each.files
        elif each.folder == folder and first[each.name] != each:
            yield each.info.name  # another version of it is imported


def _add_scripts(
    private: Path, view: Path, base: Path, hidden: Sequence[_Installed], found: Sequence[_Installed]
) -> None:
    if sys.prefix != sys.base_prefix:
        folder = Path(sys.executable).parent
        scripts = set(folder.iterdir())
    else:
        # Not only Python's programs are in /usr/bin.
        folder = Path(sysconfig.get_path("scripts"))
        scripts = _scripts(found)
    names = ("python", "python3", f"python{sys.version_info[0]}.{sys.version_info[1]}")
    old = {Path(sys.executable), base, *(folder / name for name in names)}
    add_scripts(private / "bin", sorted(scripts - _scripts(hidden)), old, python_of(view))


def _scripts(distributions: Sequence[_Installed]) -> set[Path]:
    return {script for each in distributions for script in recorded_scripts(each.folder, each.files)}
