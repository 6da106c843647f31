"""The user's runtime folder, in which this user's processes find each other, and folders that are trusted.

Other users may have made a folder of the expected name first, or a link. So a folder is judged by its descriptor, which
stays the same folder whatever becomes of its name, and files in it are opened relative to that.
"""

import os
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cloud.settings import RuntimeFolder


class UntrustedFolderError(OSError):
    """A folder that another user could have made or could change; ``strerror`` says why."""


def open_own(folder: Path, *, private: bool = False) -> int:
    """A descriptor of a folder of this user, for ``dir_fd``.

    Args:
        private: nobody else may have any right to it.

    Raises:
        OSError: it is not there, or cannot be opened.
        UntrustedFolderError: it is no folder, a link, another user's, or not private.
    """
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise UntrustedFolderError(error.errno, _explain(folder, error), str(folder)) from None
    status = os.fstat(descriptor)
    if status.st_uid != os.getuid():
        why = "it is another user's"
    elif private and status.st_mode & 0o077:
        why = "other users have rights to it: chmod 700 it"
    else:
        return descriptor
    os.close(descriptor)
    raise UntrustedFolderError(0, why, str(folder))


def use_first(
    candidates: Iterable[RuntimeFolder], use: Callable[[int, Path], None], warn: Callable[[str], None]
) -> Path | None:
    """Make and open the first candidate that is usable, which ``use`` finds out; returns it, None if none is.

    Args:
        use: called with a descriptor, valid during the call, and the path; raises ``OSError`` if it cannot use it.
        warn: called once for each candidate before it that the user may want to mend: one that he chose, or that is
            there and is not usable. Others, such as that of a session where there is none, are passed in silence.
    """
    passed: list[str] = []
    used: Path | None = None
    for candidate in candidates:
        try:
            _make(candidate)
            with _opened(candidate.path) as descriptor:
                use(descriptor, candidate.path)
            used = candidate.path
            break
        except OSError as error:
            if candidate.variable or os.path.lexists(candidate.path):
                name = f"{candidate.variable}={candidate.base}" if candidate.variable else str(candidate.path)
                passed.append(f"{name} cannot be used: {error.strerror}")
    for problem in passed:
        warn(f"{problem}; {used} is used instead" if used else problem)
    return used


def open_existing(candidates: Iterable[RuntimeFolder]) -> Iterator[int]:
    """A descriptor of each candidate that is there and trusted, valid until the next is asked for."""
    for candidate in candidates:
        with suppress(OSError), _opened(candidate.path) as descriptor:
            yield descriptor


@contextmanager
def _opened(folder: Path) -> Iterator[int]:
    descriptor = open_own(folder, private=True)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _make(candidate: RuntimeFolder) -> None:
    """Create what is missing below the base, which must be this user's or the system's: root, who could, makes
    nothing in the folder of a session that is another user's."""
    if not candidate.base.is_absolute():
        raise UntrustedFolderError(0, "it is not an absolute path", str(candidate.base))
    if candidate.base.stat().st_uid not in (0, os.getuid()):
        raise UntrustedFolderError(0, "it is another user's", str(candidate.base))
    folder = candidate.base
    for name in Path(candidate.below).parts:
        folder /= name
        with suppress(FileExistsError):
            folder.mkdir(mode=0o700)


def _explain(folder: Path, error: OSError) -> str:
    try:
        status = os.lstat(folder)
    except OSError:
        return str(error.strerror)
    if status.st_uid != os.getuid():
        return "it is another user's"
    return "it is a link, or no folder" if not stat.S_ISDIR(status.st_mode) else str(error.strerror)
