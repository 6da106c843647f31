"""The folders of a running job, and their removal after a crash of the server."""

import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

_LINK = "tmp"
_PREFIX = "job-"


def create(folder: Path) -> Path:
    """Create the private folder of a job, and its ``TMPDIR``, which is returned.

    ``TMPDIR`` is not below the folder, because the path of a Unix socket in it has at most 107 bytes (unix(7)). A
    symbolic link in the folder points to it, so that ``remove_leftovers`` finds it.
    """
    folder.mkdir(parents=True)
    temporary = Path(tempfile.mkdtemp(prefix=_PREFIX))
    try:
        (folder / _LINK).symlink_to(temporary)
    except OSError:  # the disk is full, for example; without the link it would never be removed
        temporary.rmdir()
        raise
    return temporary


def remove(*folders: Path) -> None:
    """Remove the folders that exist."""
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


def remove_leftovers(work_dir: Path) -> None:
    """Remove what jobs of a crashed server left in ``work_dir``. Called before the first job runs."""
    for folder in list(work_dir.iterdir()):
        with suppress(OSError):
            temporary = Path(os.readlink(folder / _LINK))
            # The job may have replaced the link: remove only what ``create`` can have made.
            if (temporary.parent, temporary.name[: len(_PREFIX)]) == (Path(tempfile.gettempdir()), _PREFIX):
                remove(temporary)
        remove(folder)
