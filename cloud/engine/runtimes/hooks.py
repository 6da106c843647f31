"""Hooks of runtimes: modules of ours that Python imports when it starts there, and that show programs older names.

``tf2.15`` has one for what TensorFlow 2.15 and the libraries beside it have lost since 2.1. ``tf1`` shares its
packages, and has one more, which shows TensorFlow 1.
"""

import os
import shutil
from contextlib import suppress
from pathlib import Path

from cloud.engine.runtimes.names import TF1, TF2
from cloud.engine.runtimes.runtime import RuntimeRequest

VARIABLE = "OFFLINE_ML_TENSORFLOW"
SUMMARIES = "OFFLINE_ML_SUMMARIES"
"""Both as in ``older_names_hook.py``, which imports nothing of this project."""
_HERE = Path(__file__).parent
_MODULES = {
    TF1: ("_offline_ml_tensorflow_1", {"_offline_ml_contrib": "contrib_hook.py"}, "tensorflow_1_hook.py"),
    TF2: ("_offline_ml_older_names", {}, "older_names_hook.py"),
}
"""By runtime: the module that is imported, those that it imports, and its file."""


def install(runtime: str, site: Path, base: Path | None = None) -> None:
    """
    Args:
        runtime: its name; most have no hook.
        site: the site-packages of the new environment.
        base: those of the runtime whose packages it sees; both share the disk and the compiled bytecode.
    """
    if runtime not in _MODULES:
        return
    module, _, _ = _MODULES[runtime]
    for name, file in _files(runtime).items():
        shutil.copyfile(_HERE / file, site / f"{name}.py")
    # addsitedir, because the base may have .pth files of its own.
    lines = (*((f"import site; site.addsitedir({str(base)!r})",) if base else ()), f"import {module}")
    (site / f"{module}.pth").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def refresh(runtime: str, site: Path) -> None:
    """Replace hooks that another version of this project has copied, or did not know, if the store can be written."""
    if runtime not in _MODULES:
        return
    module, _, _ = _MODULES[runtime]
    files = {f"{name}.py": (_HERE / file).read_bytes() for name, file in _files(runtime).items()}
    if runtime == TF2:
        files[f"{module}.pth"] = f"import {module}\n".encode()
    with suppress(PermissionError):
        for name, content in files.items():
            copied = site / name
            if not copied.is_file() or copied.read_bytes() != content:
                (new := site / f".{name}.{os.getpid()}").write_bytes(content)
                new.replace(copied)


def environ(request: RuntimeRequest | None) -> dict[str, str]:
    """The variable that tells hooks which TensorFlow a program is for."""
    if request is None or request.framework != "tensorflow" or request.version is None:
        return {}
    return {VARIABLE: request.version}


def _files(runtime: str) -> dict[str, str]:
    module, others, file = _MODULES[runtime]
    return {**others, module: file}
