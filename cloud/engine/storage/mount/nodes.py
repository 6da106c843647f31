"""``Nodes``: the numbers by which the kernel refers to paths. Pure."""

import errno
import os

ROOT = 1
"""The number of the mounted folder (FUSE_ROOT_ID)."""


class Nodes:
    def __init__(self) -> None:
        self._paths = {ROOT: ""}
        self._numbers = {"": ROOT}
        self._uses = {ROOT: 1}
        """How often the kernel was told each number."""
        self._last = ROOT

    def path(self, number: int) -> str:
        """
        Raises:
            OSError: ESTALE: it has none any more.
        """
        if number not in self._paths:
            raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))
        return self._paths[number]

    def below(self, number: int, name: str) -> str:
        """The path of a name in a folder."""
        folder = self.path(number)
        return f"{folder}/{name}" if folder else name

    def look_up(self, path: str) -> int:
        """The number of a path, which the kernel is told once more."""
        if path not in self._numbers:
            self._last += 1
            self._numbers[path], self._paths[self._last], self._uses[self._last] = self._last, path, 0
        number = self._numbers[path]
        self._uses[number] += 1
        return number

    def forget(self, number: int, uses: int) -> None:
        """The kernel no longer refers to what it was told ``uses`` times."""
        if number == ROOT or number not in self._uses:
            return
        self._uses[number] -= uses
        if self._uses[number] <= 0:
            path = self._paths.pop(number)
            if self._numbers.get(path) == number:
                del self._numbers[path]
            del self._uses[number]

    def rename(self, old: str, new: str) -> None:
        """What has the path ``old``, or one below it, now has ``new``."""
        for number, path in list(self._paths.items()):
            if path == new and self._numbers.get(new) == number:
                del self._numbers[new]
        for number, path in list(self._paths.items()):
            if path == old or path.startswith(f"{old}/"):
                if self._numbers.get(path) == number:
                    del self._numbers[path]
                self._paths[number] = new + path[len(old) :]
                self._numbers[self._paths[number]] = number
