"""A process's output, delivered as lines of bounded length, in order."""

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

LINE_LIMIT = 65536
"""Bytes; a longer line is delivered in pieces of at most this size."""
_READ_SIZE = 65536


@dataclass(frozen=True, slots=True)
class OutputLine:
    """One line, or a piece of one that is longer than ``LINE_LIMIT``."""

    stream: str
    """``stdout`` or ``stderr``."""
    text: str
    """Without the newline; bytes that are not UTF-8 are replaced."""
    time: datetime
    """When it was read, in UTC."""


OnOutput = Callable[[OutputLine], None]
"""Called in the event loop, so it must be quick: meanwhile nothing reads the process's pipe."""


class LineSplitter:
    """Splits bytes into lines. It holds at most one incomplete line of ``limit`` bytes."""

    def __init__(self, limit: int = LINE_LIMIT) -> None:
        self._limit = limit
        self._rest = b""

    def feed(self, data: bytes) -> list[str]:
        """The lines that ``data`` completes."""
        lines: list[str] = []
        *whole, rest = (self._rest + data).split(b"\n")
        for line in whole:
            line = self._cut(line, lines)
            lines.append(line.decode(errors="replace"))
        self._rest = self._cut(rest, lines)
        return lines

    def finish(self) -> list[str]:
        """The last line, if it had no newline."""
        rest, self._rest = self._rest, b""
        return [rest.decode(errors="replace")] if rest else []

    def _cut(self, line: bytes, lines: list[str]) -> bytes:
        """Move pieces from the front of ``line`` to ``lines`` until the rest is within the limit."""
        start = 0
        while len(line) - start > self._limit:
            end = start + self._limit
            # Do not cut within a character: its first byte has at most three continuation bytes.
            for _ in range(3):
                if line[end] & 0xC0 != 0x80 or end - start <= 1:
                    break
                end -= 1
            lines.append(line[start:end].decode(errors="replace"))
            start = end
        return line[start:]


class OutputPipe:
    """The read end of a pipe, read by the running event loop and delivered line by line.

    Args:
        descriptor: closed by this object.
    """

    def __init__(self, stream: str, descriptor: int, on_output: OnOutput) -> None:
        self._stream = stream
        self._descriptor = descriptor
        self._on_output = on_output
        self._splitter = LineSplitter()
        self._loop = asyncio.get_running_loop()
        self._open = True
        os.set_blocking(descriptor, False)
        self._loop.add_reader(descriptor, self._read)

    def drain(self) -> None:
        """Deliver everything left in the pipe, and close. Call it when no process can write any more."""
        while self._open and self._read():
            pass
        self.close()

    def close(self) -> None:
        """Stop reading."""
        if self._open:
            self._open = False
            self._loop.remove_reader(self._descriptor)
            os.close(self._descriptor)
            self._deliver(self._splitter.finish())

    def _read(self) -> bool:
        """Read once; false if there was nothing to read."""
        try:
            data = os.read(self._descriptor, _READ_SIZE)
        except BlockingIOError:
            return False
        if not data:
            self.close()
            return False
        self._deliver(self._splitter.feed(data))
        return True

    def _deliver(self, lines: list[str]) -> None:
        now = datetime.now(UTC)
        for line in lines:
            self._on_output(OutputLine(self._stream, line, now))
