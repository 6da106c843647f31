"""The folders of a running job, and their removal after a crash of the server."""

from contextlib import suppress
from pathlib import Path

from cloud.folders import temporary
from cloud.folders.temporary import Kind


def create(folder: Path) -> Path:
    """Create the private folder of a job, and its ``TMPDIR``, which is returned.

    ``TMPDIR`` is not below the folder, because the path of a Unix socket in it has at most 107 bytes (unix(7)).
    """
    folder.mkdir(parents=True)
    return temporary.create(Kind.JOB)


def remove(*folders: Path) -> None:
    """Remove the folders that exist."""
    for folder in folders:
        temporary.remove(folder)


def remove_leftovers(work_dir: Path) -> None:
    """Remove the folders that jobs of a crashed server left in ``work_dir``. Called before the first job runs."""
    for folder in list(work_dir.iterdir()):
        with suppress(OSError):  # it has just been removed, by a sweep of another cloud's start
            temporary.abandon(folder)
    for leftover in temporary.leftovers(work_dir):
        temporary.remove_tree(leftover)
