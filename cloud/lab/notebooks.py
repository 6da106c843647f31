"""The chapters that are distributed, and copies of them for a learner."""

import functools
import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

LANGUAGES: Mapping[str, str] = {"en": "en", "es": "es_ES"}
"""The chapters' languages, with JupyterLab's name of each."""
SOLUTIONS = "solutions"
"""The folder of the filled form, beside the form that learners fill."""
_KINDS = ("markdown", "code")
_CHECK = re.compile(r"\bcheck\(\"(\w+)\"\)")
_HERE = Path(__file__).parent


def source() -> Path:
    """The folder with ``en`` and ``es``: in an installed package beside this file, in a checkout its ``lab``."""
    installed = _HERE / "chapters"
    return installed if installed.is_dir() else _HERE.parents[1] / "lab"


def names(language: str) -> list[str]:
    """The notebooks' file names, in their order."""
    return sorted(path.name for path in (source() / language).glob("*.ipynb"))


class Chapter(NamedTuple):
    """What a notebook says of itself."""

    title: str
    checks: tuple[str, ...]
    """Their ids, in the order of the notebook."""


@functools.cache
def outline(language: str) -> list[Chapter]:
    """The chapters that have checks, in their order."""
    found = []
    for name in names(language):
        cells = json.loads((source() / language / name).read_text(encoding="utf-8"))["cells"]
        text = {kind: ["".join(cell["source"]) for cell in cells if cell["cell_type"] == kind] for kind in _KINDS}
        titles = [line[2:] for cell in text["markdown"] for line in cell.splitlines() if line.startswith("# ")]
        checks = tuple(check for cell in text["code"] for check in _CHECK.findall(cell))
        if checks:
            found.append(Chapter(titles[0] if titles else name, checks))
    return found


def language_of(environ: Mapping[str, str]) -> str:
    """The language of a user's locale, if there are chapters in it; else English (POSIX, 8.2)."""
    locale = environ.get("LC_ALL") or environ.get("LC_MESSAGES") or environ.get("LANG") or ""
    return next((language for language in LANGUAGES if locale.startswith(language)), "en")


def copy_missing(language: str, folder: Path) -> list[Path]:
    """Copy what ``folder`` does not have of chapters and pictures; nothing is overwritten. Returns the copies."""
    made = []
    tree = source() / language
    for path in sorted([*tree.rglob("*.ipynb"), *tree.rglob("*.svg")]):
        copy = folder / path.relative_to(tree)
        if not copy.exists():
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
            made.append(copy)
    return made
