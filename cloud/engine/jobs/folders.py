"""The folders that a job has while it runs, and what is left of them where a server was killed."""

import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

_LINK = "tmp"
_PREFIX = "job-"


def make(folder: Path) -> Path:
    """Make the private folder of a job, and its ``TMPDIR``, which is returned.

    That is not below the folder: there would be no room for the name of a socket in it, which with its path has at most
    107 bytes (unix(7)). A link in the folder leads to it, for whoever clears away what a crash has left.
    """
    folder.mkdir(parents=True)
    temporary = Path(tempfile.mkdtemp(prefix=_PREFIX))
    try:
        (folder / _LINK).symlink_to(temporary)
    except OSError:  # the disk is full, say: nobody would find it
        temporary.rmdir()
        raise
    return temporary


def remove(*folders: Path) -> None:
    """As far as they are there."""
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


def remove_what_a_crash_left(work_dir: Path) -> None:
    """To be called before the first job is run: what is in ``work_dir`` then is no job's any more."""
    for folder in list(work_dir.iterdir()):
        with suppress(OSError):
            temporary = Path(os.readlink(folder / _LINK))
            # A job may have made anything of its folder.
            if (temporary.parent, temporary.name[: len(_PREFIX)]) == (Path(tempfile.gettempdir()), _PREFIX):
                remove(temporary)
        remove(folder)
