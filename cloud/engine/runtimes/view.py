"""The view of the installed environment: a virtual environment of links that shows a job all but this program.

It is made once and used by all clouds of the user, until what is installed changes.
"""

import hashlib
import json
import os
import platform
import shutil
import site
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from packaging.utils import NormalizedName, canonicalize_name

from cloud.engine.runtimes import visibility
from cloud.engine.runtimes.installed import installed_runtime
from cloud.engine.runtimes.link_tree import Source, make, merge, recorded_files
from cloud.engine.runtimes.names import INSTALLED
from cloud.engine.runtimes.runtime import Runtime
from cloud.engine.runtimes.scripts import add_scripts, make_bin, recorded_scripts

_FORMAT = "1"
"""Changes with what is made from the same installed environment."""
_ABOUT = "runtime.json"
_UNUSED = 7 * 24 * 3600.0
"""Seconds without use until an earlier view of the same environment is removed."""
_INFO = (".dist-info", ".egg-info")


def view_of_installed(*stores: Path) -> Runtime:
    """The runtime "installed".

    Args:
        stores: folders for the view; it is in the first that has it or can be written.

    Raises:
        OSError: none can be written.
    """
    folders = site_folders()
    key = _key(folders)
    for store in stores:
        view = store / f"view-{key}"
        if _is_usable(view):
            with suppress(OSError):
                os.utime(view)
            return _runtime(view)
    for store in stores:
        view = store / f"view-{key}"
        try:
            _build(view, folders)
        except OSError:
            if store == stores[-1]:
                raise
        else:
            return _runtime(view)
    raise ValueError("no store was given")


def site_folders() -> list[Path]:
    """The folders of what is installed for this interpreter, in the order of its import path."""
    user = [site.getusersitepackages()] if site.ENABLE_USER_SITE else []
    return [Path(folder) for folder in dict.fromkeys([*user, *site.getsitepackages()]) if os.path.isdir(folder)]


def _runtime(view: Path) -> Runtime:
    installed = installed_runtime()
    interpreter = replace(installed.interpreter, path=_python(view))
    return replace(installed, interpreter=interpreter, site=(_site(view),))


def _python(view: Path) -> Path:
    return view / "bin" / "python3"


def _site(view: Path) -> Path:
    return view / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"


def _is_usable(view: Path) -> bool:
    # The interpreter is a link: it is not there any more if that was removed.
    return os.access(_python(view), os.X_OK) and _site(view).is_dir()


def _key(folders: Sequence[Path]) -> str:
    """Changes when an entry of ``folders`` comes, goes, or is installed again."""
    digest = hashlib.sha256("\0".join((_FORMAT, sys.version, sys.prefix, _base(), *visibility.NAMES)).encode())
    for folder in folders:
        digest.update(f"\0{folder}".encode())
        with os.scandir(folder) as entries:
            for entry in sorted(entries, key=lambda entry: entry.name):
                changes = entry.stat().st_mtime_ns if entry.name.endswith((*_INFO, ".pth")) else 0
                digest.update(f"\0{entry.name}\0{changes}".encode())
    return digest.hexdigest()[:16]


def _base() -> str:
    """The interpreter that virtual environments link to."""
    return os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable)


def _build(view: Path, folders: Sequence[Path]) -> None:
    view.parent.mkdir(parents=True, exist_ok=True)
    _remove_unused(view.parent)
    folder = Path(tempfile.mkdtemp(dir=view.parent, prefix=".view-"))
    try:
        _fill(folder, view, folders)
        if view.exists() and not _is_usable(view):
            shutil.rmtree(view, ignore_errors=True)
        folder.rename(view)
    except BaseException as error:
        shutil.rmtree(folder, ignore_errors=True)
        # Another cloud was faster.
        if not (isinstance(error, OSError) and _is_usable(view)):
            raise


def _fill(folder: Path, view: Path, folders: Sequence[Path]) -> None:
    base = Path(_base())
    make_bin(folder / "bin", base, sys.version_info[:2])
    sources = []
    scripts: set[Path] = set()
    hidden_scripts: set[Path] = set()
    infos = list(_metadata(folders))
    hidden = visibility.hidden_names({name: visibility.read_requires(info) for name, info, _ in reversed(infos)})
    first = {name: info for name, info, _ in reversed(infos)}
    for number, installed in enumerate(folders):
        unseen: list[str] = []
        for name, info, owner in infos:
            if owner != number:
                continue
            if name in hidden:
                files = recorded_files(info)
                unseen += files
                hidden_scripts |= recorded_scripts(installed, files)
            elif first[name] != info:
                unseen.append(info.name)  # another version, which is not imported
        sources.append(Source(installed, unseen))
    tree = merge(sources)
    _site(folder).parent.mkdir(parents=True)
    make(tree, _site(folder))
    is_virtual = sys.prefix != sys.base_prefix
    own = Path(sys.executable).parent if is_virtual else Path(sysconfig.get_path("scripts"))
    scripts = set(own.iterdir()) if is_virtual else _scripts_of(infos, folders, hidden)
    names = ("python", "python3", f"python{sys.version_info[0]}.{sys.version_info[1]}")
    old = {Path(sys.executable), base, *(own / name for name in names)}
    add_scripts(folder / "bin", sorted(scripts - hidden_scripts), old, _python(view))
    config = {
        "home": str(base.parent),
        "implementation": platform.python_implementation(),
        "include-system-site-packages": "false",
        "version": platform.python_version(),
    }
    (folder / "pyvenv.cfg").write_text("".join(f"{key} = {value}\n" for key, value in config.items()))
    about = {"name": INSTALLED, "prefix": sys.prefix, "hidden": sorted(hidden)}
    (folder / _ABOUT).write_text(json.dumps(about), encoding="utf-8")


def _metadata(folders: Sequence[Path]) -> Iterator[tuple[NormalizedName, Path, int]]:
    """Each distribution's name, its metadata, and the number of its folder."""
    for number, folder in enumerate(folders):
        for entry in sorted(os.listdir(folder)):
            if entry.endswith(_INFO):
                yield canonicalize_name(entry.rpartition(".")[0].partition("-")[0]), folder / entry, number


def _scripts_of(
    infos: Sequence[tuple[NormalizedName, Path, int]], folders: Sequence[Path], hidden: set[NormalizedName]
) -> set[Path]:
    return {
        script
        for name, info, number in infos
        if name not in hidden
        for script in recorded_scripts(folders[number], recorded_files(info))
    }


def _remove_unused(store: Path) -> None:
    """Remove views whose environment is gone, and earlier ones of this one that were not used for a while."""
    for view in store.glob("view-*"):
        with suppress(OSError, ValueError, KeyError):
            prefix = json.loads((view / _ABOUT).read_text(encoding="utf-8"))["prefix"]
            is_old = prefix == sys.prefix and time.time() - view.stat().st_mtime > _UNUSED
            if is_old or not os.path.isdir(prefix):
                shutil.rmtree(view, ignore_errors=True)
