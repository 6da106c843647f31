"""A folder as a bucket shows it: its regular files, by object name, in the order of Cloud Storage's lists.

It is read anew for every request. Symbolic links are followed as long as they stay in the folder: a bucket that anyone
may read must not show other files of this machine.
"""

import logging
import os
from collections.abc import Iterator
from pathlib import Path

from cloud.errors import InvalidArgument, PermissionDenied
from cloud.names import check_object

_log = logging.getLogger(__name__)


class Tree:
    """
    Args:
        bucket: its name, for messages.
        root: an absolute path.
    """

    def __init__(self, bucket: str, root: Path) -> None:
        self._bucket, self._root = bucket, os.path.realpath(root)
        self._left_out: set[str] = set()

    def files_from(self, start: str) -> Iterator[str]:
        """The names of all files from the name ``start`` on."""
        yield from self._below(self._root, "", start, (self._root,))

    def path(self, name: str) -> str | None:
        """The file that the object ``name`` is; None if there is none.

        Raises:
            PermissionDenied: a symbolic link in it leaves the folder.
        """
        if not name or name.startswith("/") or {"", ".", ".."} & set(name.split("/")) or "\0" in name:
            return None
        try:
            path = os.path.realpath(os.path.join(self._root, name))
            if not os.path.isfile(path):
                return None
        except (OSError, UnicodeEncodeError):
            return None
        if not self._holds(path):
            raise PermissionDenied(
                f"gs://{self._bucket}/{name} is a symbolic link out of the folder that is served as this bucket: copy "
                "the file into the folder, or serve the folder that holds it."
            )
        return path

    def _below(self, folder: str, prefix: str, start: str, above: tuple[str, ...]) -> Iterator[str]:
        """
        Args:
            prefix: of the names below ``folder``; empty or ending in "/".
            above: the folders that ``folder`` was reached by, without symbolic links, itself among them.
        """
        for key, path in self._entries(folder, prefix):
            if not key.endswith("/"):
                if key >= start:
                    yield key
            elif (key >= start or start.startswith(key)) and path not in above:
                yield from self._below(path, key, start, (*above, path))

    def _entries(self, folder: str, prefix: str) -> list[tuple[str, str]]:
        """Names and paths of files and folders, sorted as names below them are: a folder's name ends in "/"."""
        found = []
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    name, path = prefix + entry.name, entry.path
                    if entry.is_symlink():
                        path = os.path.realpath(path)
                        if not self._holds(path):
                            self._leave_out(name, "a symbolic link out of the folder")
                            continue
                    if os.path.isdir(path):
                        found.append((name + "/", path))
                    elif os.path.isfile(path) and self._is_legal(name):
                        found.append((name, path))
        except OSError as error:
            self._leave_out(prefix or ".", error.strerror or str(error))
        return sorted(found)

    def _is_legal(self, name: str) -> bool:
        try:
            check_object(name)
        except InvalidArgument as error:
            self._leave_out(name, error.message)
            return False
        return True

    def _holds(self, path: str) -> bool:
        return path == self._root or path.startswith(self._root.rstrip("/") + "/")

    def _leave_out(self, name: str, why: str) -> None:
        if name not in self._left_out:
            self._left_out.add(name)
            _log.warning("gs://%s does not show %r of %s: %s", self._bucket, name, self._root, why)
