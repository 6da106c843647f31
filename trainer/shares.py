"""A part of a text file: several readers of the same file read each line once."""

from typing import BinaryIO

READ_BYTES = 1 << 20


class Part:
    """The lines of an open file that begin in the part `index` of `count`, equal by bytes. Raises OSError.

    `start` and `stop` are its bounds in bytes: where a line begins, or the end of the file.
    """

    def __init__(self, file: BinaryIO, index: int, count: int) -> None:
        self._file = file
        file.seek(0, 2)
        self._size = file.tell()
        self.start = self._next_line(self._size * index // count)
        self.stop = self._next_line(self._size * (index + 1) // count)
        self._left = self.stop - self.start
        file.seek(self.start)

    def read(self, size: int) -> bytes:
        """Return up to `size` bytes; nothing at the end of the part."""
        text = self._file.read(min(size, self._left))
        self._left -= len(text)
        return text

    def lines_before(self) -> int:
        """Return how many lines of the file come before the part. It reads them, and moves in the file."""
        self._file.seek(0)
        count, left = 0, self.start
        while left > 0 and (text := self._file.read(min(READ_BYTES, left))):
            count += text.count(b"\n")
            left -= len(text)
        return count

    def _next_line(self, position: int) -> int:
        """Where the first line begins that begins at `position` or after it."""
        if position in (0, self._size):
            return position
        at = position - 1
        self._file.seek(at)
        while text := self._file.read(4096):
            newline = text.find(b"\n")
            if newline >= 0:
                return at + newline + 1
            at += len(text)
        return self._size
