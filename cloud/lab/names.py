"""The names that a learner chose: his project, his bucket, his region, in the file ``names.env`` of his folder."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from cloud.lab.jupyter_files import FOLDER_VARIABLE

FILE = "names.env"
_LINE = re.compile(r"\s*(?:export\s+)?(PROJECT|BUCKET|REGION)\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s#]*))\s*(?:#.*)?")


class Names(NamedTuple):
    """Empty where the file says nothing."""

    project: str = ""
    bucket: str = ""
    region: str = ""


def read_names(folder: Path) -> Names:
    """What the file says, as a shell would read it; a file that is missing or no text says nothing."""
    try:
        lines = (folder / FILE).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return Names()
    found = [match for line in lines if (match := _LINE.fullmatch(line))]
    named = {match[1].lower(): match[2] or match[3] or match[4] or "" for match in found}
    return Names(**{**named, "bucket": named.get("bucket", "").removeprefix("gs://").rstrip("/")})


def lab_folder(environ: Mapping[str, str]) -> Path:
    """The learner's folder: also for a notebook that is opened from a folder below."""
    return Path(environ.get(FOLDER_VARIABLE) or Path.cwd())


def open_chapter() -> Names:
    """Go to the learner's folder, and give the names of chapter 1 to Python and, as variables, to the shell."""
    os.chdir(lab_folder(os.environ))
    names = read_names(Path.cwd())
    os.environ.update({name.upper(): value for name, value in names._asdict().items() if value})
    return names
