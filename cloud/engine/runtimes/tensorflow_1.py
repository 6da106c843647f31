"""Makes an environment ``tf1``: it shares the packages of ``tf2.15``, and has the hook that shows TensorFlow 1."""

import os
import shutil
from contextlib import suppress
from pathlib import Path

_HOOK = Path(__file__).with_name("tensorflow_1_hook.py")
_MODULE = "_offline_ml_tensorflow_1"


def install(site: Path, base: Path) -> None:
    """
    Args:
        site: the site-packages of the new environment.
        base: those of ``tf2.15``; both share the disk and the compiled bytecode.
    """
    shutil.copyfile(_HOOK, site / f"{_MODULE}.py")
    # addsitedir, because the base may have .pth files of its own.
    lines = (f"import site; site.addsitedir({str(base)!r})", f"import {_MODULE}")
    (site / f"{_MODULE}.pth").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def refresh(site: Path) -> None:
    """Replace a hook that another version of this project has copied, if the store can be written."""
    copied = site / f"{_MODULE}.py"
    if copied.read_bytes() == _HOOK.read_bytes():
        return
    with suppress(PermissionError):
        shutil.copyfile(_HOOK, new := site / f".{_MODULE}.{os.getpid()}")
        new.replace(copied)
