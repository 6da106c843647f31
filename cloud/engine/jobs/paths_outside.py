"""What to do about a confined program that fails because it uses a file of this machine."""

import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path

_PATH = r"(?P<path>/[^'\";:\n]*[^'\";:\s])"
_REASONS = "Permission denied|No such file or directory|Read-only file system|Operation not permitted"
_FAILURES = tuple(
    re.compile(pattern, re.MULTILINE)
    for pattern in (
        # Python's.
        rf"\[Errno (?:1|2|13|30)\] [\w -]+: b?['\"]{_PATH}['\"]",
        # TensorFlow's, and those of shells and of programs in C.
        rf"{_PATH}['\"]?[;:] (?:{_REASONS})",
        rf"(?:{_REASONS}|cannot open|[Uu]nable to open)[^/\n]*['\": ]{_PATH}",
    )
)
_TEMPORARY = ("/tmp", "/var/tmp")  # noqa: S108 - only compared


def explain_path_outside(
    output: str, own: Iterable[Path], exists: Callable[[str], bool] = os.path.lexists
) -> str | None:
    """What to do, if a program's ``output`` ends with a failure to use a file that is on this machine, but outside its
    folders.

    Args:
        own: its folders.
        exists: whether there is a file of that path.
    """
    folders = [str(folder) for folder in own]
    for pattern in _FAILURES:
        for match in reversed(list(pattern.finditer(output))):
            path = os.path.normpath(match["path"])
            if any(Path(path).is_relative_to(folder) for folder in folders):
                continue
            parent = os.path.dirname(path)
            if exists(path):
                return _hint(path)
            if any(Path(path).is_relative_to(folder) for folder in _TEMPORARY):
                if "Permission denied" in match[0]:  # else it is missing in the job's own
                    return _temporary_hint(path)
            elif parent != "/" and exists(parent):
                return _hint(path)
    return None


def _temporary_hint(path: str) -> str:
    return (
        f"{path} would be a file of this machine: jobs have a /tmp of their own only where the system allows user "
        "namespaces. Write to Python's tempfile.gettempdir() ($TMPDIR), allow user namespaces, or start the local "
        "cloud with --confine off (CLOUD_CONFINE)."
    )


def _hint(path: str) -> str:
    return (
        f"{path} is a file of this machine, and jobs reach only their own files and what their Python needs, as at "
        "Google: copy it to a bucket and read it from there (with cloud.run: --data-dir FOLDER, and {data}/FILE in the "
        "trainer's arguments), or let jobs read its folder with --job-reads DIR (CLOUD_JOB_READS)."
    )
