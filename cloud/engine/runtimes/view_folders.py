"""What is where in the installed environment and in a view of it."""

import os
import site
import sys
from pathlib import Path

ABOUT = "runtime.json"


def base_interpreter() -> Path:
    """The interpreter of this process without its virtual environment."""
    return Path(os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable))


def python_of(view: Path) -> Path:
    return view / "bin" / "python3"


def site_of(view: Path) -> Path:
    """Its folder of distributions."""
    return view / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"


def is_usable(view: Path) -> bool:
    """Whether it is there, and its interpreter, which is a link."""
    return os.access(python_of(view), os.X_OK) and site_of(view).is_dir()


def site_folders() -> list[Path]:
    """The folders of what is installed for this interpreter, in the order of its import path."""
    user = [site.getusersitepackages()] if site.ENABLE_USER_SITE else []
    return [Path(folder) for folder in dict.fromkeys([*user, *site.getsitepackages()]) if os.path.isdir(folder)]
