"""The files of an image while it is made: a folder that stands for its root, and is never left.

Paths are those in the image. Links in it are followed as in a container, where an absolute one starts at the image's
root and nothing is above that.
"""

import errno
import os
import posixpath
import shutil
import stat
from collections import deque
from collections.abc import Callable
from pathlib import Path

from cloud.engine.images.patterns import compiled, has_wildcards
from cloud.errors import InvalidArgument

_OF_EVERY_SYSTEM = frozenset(
    """
    bin boot dev etc home lib media mnt opt proc root run sbin srv sys tmp usr usr/bin usr/include usr/lib usr/local
    usr/local/bin usr/local/etc usr/local/lib usr/local/share usr/sbin usr/share usr/src var var/cache var/lib var/log
    var/tmp
    """.split()  # noqa: SIM905
)
"""Folders of the images that Dockerfiles start from, whose own files are not here."""
_MOST_LINKS = 40  # as Linux allows, path_resolution(7)


class ImageFiles:
    """
    Args:
        root: an existing folder.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def real(self, path: str, *, follow: bool = True) -> Path:
        """Where an absolute path of the image is on this machine, whether anything is there or not.

        Args:
            follow: whether a link at its end is followed.

        Raises:
            InvalidArgument: its links go round in circles.
        """
        place, names, links = self.root, deque(_names(path)), 0
        while names:
            name = names.popleft()
            if name == "..":
                place = place if place == self.root else place.parent
                continue
            following = place / name
            if not following.is_symlink() or (not follow and not names):
                place = following
                continue
            links += 1
            if links > _MOST_LINKS:
                raise InvalidArgument(f"{path}: {os.strerror(errno.ELOOP)}")
            target = os.readlink(following)
            names.extendleft(reversed(_names(target)))
            if target.startswith("/"):
                place = self.root
        return place

    def exists(self, path: str, *, follow: bool = True) -> bool:
        return os.path.lexists(self.real(path, follow=follow))

    def is_folder(self, path: str) -> bool:
        return self.real(path).is_dir()

    def stands_for_folder(self, path: str) -> bool:
        """Whether there is a folder, or would be in every image: what is copied to it goes into it."""
        real = self.real(path)
        return real.is_dir() or (not real.exists() and real.relative_to(self.root).as_posix() in _OF_EVERY_SYSTEM)

    def is_file(self, path: str) -> bool:
        return self.real(path).is_file()

    def make_folder(self, path: str) -> Path:
        """With its parents; one that is there stays as it is.

        Raises:
            InvalidArgument: a file is in the way.
        """
        return _made(self.real(path), path)

    def place_for(self, path: str) -> Path:
        """Where a file is to be written, with its folder made."""
        real = self.real(path)
        _made(real.parent, posixpath.dirname(path))
        return real

    def write(self, path: str, content: bytes, *, append: bool = False) -> None:
        """
        Raises:
            InvalidArgument: there is a folder.
        """
        real = self.place_for(path)
        if real.is_dir():
            raise InvalidArgument(f"cannot create {path}: {os.strerror(errno.EISDIR)}")
        with real.open("ab" if append else "wb") as file:
            file.write(content)

    def read_text(self, path: str) -> str:
        """
        Raises:
            InvalidArgument: there is no such file.
        """
        try:
            return self.real(path).read_text("utf-8", errors="replace")
        except OSError as error:
            raise InvalidArgument(f"{path}: {error.strerror}") from None

    def remove(self, path: str) -> None:
        """What is there, a link itself. The root stays, without what is in it."""
        real = self.real(path, follow=False)
        if real == self.root:
            for entry in list(real.iterdir()):
                remove(entry)
        elif os.path.lexists(real):
            remove(real)

    def matching(self, pattern: str, *, hidden: bool = False) -> list[str]:
        """The paths that an absolute pattern matches, sorted.

        Args:
            hidden: as Docker does; a shell leaves out names that begin with a dot unless the pattern has it.
        """
        found = [""]
        for part in _names(pattern):
            if not has_wildcards(part):
                found = [
                    f"{path}/{part}" for path in found if part == ".." or self.exists(f"{path}/{part}", follow=False)
                ]
                continue
            matches = compiled(part.replace("**", "*")).fullmatch
            found = [
                f"{path}/{name}"
                for path in found
                if self.is_folder(path or "/")
                for name in sorted(os.listdir(self.real(path or "/")))
                if matches(name) and (hidden or part.startswith(".") or not name.startswith("."))
            ]
        return [path or "/" for path in found]


def copy(source: Path, target: Path, counts: Callable[[Path], bool] = lambda _: True) -> None:
    """Copy a file, a link as a link, or a folder with all in it over what is there. Owners and times do not count.

    Args:
        counts: of what is in a folder, what is copied.

    Raises:
        InvalidArgument: it is a device, a pipe or a socket; or a file is where a folder should be, or the reverse.
    """
    mode = source.lstat().st_mode
    if stat.S_ISDIR(mode):
        if target.is_symlink() or (target.exists() and not target.is_dir()):
            raise InvalidArgument(f"cannot copy to non-directory: {target.name}")
        target.mkdir(mode=0o755, exist_ok=True)
        for entry in sorted(source.iterdir()):
            if counts(entry):
                copy(entry, target / entry.name, counts)
        return
    if target.is_dir() and not target.is_symlink():
        raise InvalidArgument(f"cannot overwrite directory {target.name!r} with a file")
    if stat.S_ISLNK(mode):
        target.unlink(missing_ok=True)
        target.symlink_to(os.readlink(source))
    elif stat.S_ISREG(mode):
        if target.is_symlink():
            target.unlink()
        shutil.copyfile(source, target)
        # What the builder may read, a job may: it runs as the same user. Bits such as setuid do not count here.
        target.chmod(0o755 if mode & stat.S_IXUSR else 0o644)
    else:
        raise InvalidArgument(
            f"{source.name}: only files, folders and links can be in an image, not devices or sockets"
        )


def _made(real: Path, path: str) -> Path:
    try:
        real.mkdir(mode=0o755, parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise InvalidArgument(f"cannot create directory '{path}': {os.strerror(errno.ENOTDIR)}") from None
    return real


def remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def _names(path: str) -> list[str]:
    return [name for name in path.split("/") if name not in ("", ".")]
