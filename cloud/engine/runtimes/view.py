"""The view of the installed environment: a virtual environment of links that shows a job all but this program.

It is made once and used by all clouds of the user, until what is installed changes.
"""

import hashlib
import json
import os
import shutil
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from cloud.engine.runtimes.google_images import BESIDE_FRAMEWORK, FRAMEWORK
from cloud.engine.runtimes.installed import installed_runtime
from cloud.engine.runtimes.runtime import Runtime
from cloud.engine.runtimes.view_folders import ABOUT, base_interpreter, is_usable, python_of, site_folders, site_of

_FORMAT = "1"
"""Changes with what is made from the same installed environment."""
_UNUSED = 7 * 24 * 3600.0
"""Seconds without use until an earlier view of the same environment is removed."""


def view_of_installed(*stores: Path) -> Runtime:
    """The runtime "installed".

    Args:
        stores: folders for the view; it is in the first that has it or can be written.

    Raises:
        OSError: none can be written.
    """
    folders = site_folders()
    name = f"view-{_key(folders)}"
    for store in stores:
        if is_usable(store / name):
            with suppress(OSError):
                os.utime(store / name)
            return _runtime(store / name)
    for store in stores[:-1]:
        with suppress(OSError):
            return _build(store / name, folders)
    return _build(stores[-1] / name, folders)


def _runtime(view: Path) -> Runtime:
    installed = installed_runtime()
    interpreter = replace(installed.interpreter, path=python_of(view))
    return replace(installed, interpreter=interpreter, site=(site_of(view),))


def _key(folders: Sequence[Path]) -> str:
    """Changes when an entry of ``folders`` comes, goes, or is installed again."""
    parts = (_FORMAT, sys.version, sys.prefix, str(base_interpreter()), *FRAMEWORK, *BESIDE_FRAMEWORK)
    digest = hashlib.sha256("\0".join(parts).encode())
    for folder in folders:
        digest.update(f"\0{folder}".encode())
        with os.scandir(folder) as entries:
            for entry in sorted(entries, key=lambda entry: entry.name):
                is_record = entry.name.endswith((".dist-info", ".egg-info", ".pth"))
                changed = entry.stat().st_mtime_ns if is_record else 0
                digest.update(f"\0{entry.name}\0{changed}".encode())
    return digest.hexdigest()[:16]


def _build(view: Path, folders: Sequence[Path]) -> Runtime:
    # Imported here: seldom needed, and a cloud that starts waits for it.
    from cloud.engine.runtimes.view_build import build_view

    _remove_unused(view.parent)
    build_view(view, folders)
    return _runtime(view)


def _remove_unused(store: Path) -> None:
    """Remove views whose environment is gone, and earlier ones of this one that were not used for a while."""
    for view in store.glob("view-*"):
        with suppress(OSError, ValueError, KeyError):
            prefix = json.loads((view / ABOUT).read_text(encoding="utf-8"))["prefix"]
            is_old = prefix == sys.prefix and time.time() - view.stat().st_mtime > _UNUSED
            if is_old or not os.path.isdir(prefix):
                shutil.rmtree(view, ignore_errors=True)
