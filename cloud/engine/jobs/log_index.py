"""Where what is in the file of a job's log: so that a page of a long log reads a small part of it.

The log is cut into blocks of whole lines, and of each is known where it is, the place of its first line, and the
earliest and latest time in it. The blocks that are full are kept in a file beside the log. That is a cache: whatever
does not fit the log, or could not be written, is found anew from the log itself.
"""

import json
import logging
import os
import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

BLOCK_SIZE = 65536
"""Bytes after which a block is full."""
_NEVER = b"1970-01-01T00:00:00+00:00"
"""Stands for the time of lines that have none: what is no entry is nowhere in the order."""
_TIMESTAMP = re.compile(rb'^\{"timestamp": "(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{6})?\+00:00)"', re.MULTILINE)


@dataclass(slots=True)
class Block:
    """Whole lines of a log that follow each other."""

    start: int
    """Byte of the file, as ``end``."""
    end: int
    first: int
    """Place of the first line in the log."""
    count: int
    earliest: datetime
    latest: datetime

    @property
    def is_full(self) -> bool:
        return self.end - self.start >= BLOCK_SIZE


class LogIndex:
    """Of one log, for any thread. Only one process writes the log.

    Args:
        path: of the file with the full blocks.
    """

    def __init__(self, log: Path, path: Path) -> None:
        self._log, self._path = log, path
        self._lock = threading.Lock()
        self._blocks: list[Block] = []
        self._is_loaded = False
        self._kept_to: int | None = 0
        """Up to which byte of the log its file says what is in it; None if it cannot be written any more."""

    def add(self, start: int, line: bytes, timestamp: datetime) -> None:
        """Note a line that was written at byte ``start``, if all before it is known; otherwise it is found later."""
        with self._lock:
            if start == self._end:
                self._is_loaded = True  # nothing is known of an empty log
                self._append(len(line), 1, timestamp, timestamp)

    def blocks(self) -> list[Block]:
        """Of all whole lines that are in the file now, in the order of the file. Takes as long as it takes to read what
        is not known yet."""
        with self._lock:
            if not self._is_loaded:
                self._load()
        while self._read_on():
            pass
        with self._lock:
            return [*self._blocks[:-1], *(replace(block) for block in self._blocks[-1:])]

    @property
    def _end(self) -> int:
        return self._blocks[-1].end if self._blocks else 0

    def _read_on(self) -> bool:
        """Look at the next lines that are not known; false if there are none."""
        # The lock is held for one piece only: the event loop's thread may be waiting to add a line.
        with self._lock:
            try:
                with self._log.open("rb") as file:
                    file.seek(self._end)
                    piece = file.read(BLOCK_SIZE)
                    if b"\n" not in piece:
                        piece += file.readline()  # a long one
            except FileNotFoundError:
                return False
            whole = piece[: piece.rfind(b"\n") + 1]
            if not whole:
                return False
            # All are written in UTC, so that the order of the texts is that of the times.
            times = _TIMESTAMP.findall(whole) or [_NEVER]
            earliest, latest = (datetime.fromisoformat(text.decode()) for text in (min(times), max(times)))
            self._append(len(whole), whole.count(b"\n"), earliest, latest)
            return True

    def _append(self, size: int, lines: int, earliest: datetime, latest: datetime) -> None:
        if not self._blocks or self._blocks[-1].is_full:
            self._blocks.append(_next(self._blocks, earliest, latest))
        block = self._blocks[-1]
        block.end += size
        block.count += lines
        block.earliest, block.latest = min(block.earliest, earliest), max(block.latest, latest)
        if block.is_full:
            self._keep(block)

    def _keep(self, block: Block) -> None:
        if self._kept_to != block.start:
            return
        record = [block.end, block.count, block.earliest.isoformat(), block.latest.isoformat()]
        flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | (os.O_APPEND if block.start else os.O_TRUNC)
        try:
            with os.fdopen(os.open(self._path, flags, 0o600), "w") as file:
                file.write(json.dumps(record) + "\n")
            self._kept_to = block.end
        except OSError as error:
            logging.getLogger(__name__).info("%s is not kept: %s", self._path, error)
            self._kept_to = None

    def _load(self) -> None:
        self._is_loaded = True
        try:
            size = self._log.stat().st_size
            records = [json.loads(line) for line in self._path.read_text().splitlines()]
            found: list[Block] = []
            for end, count, earliest, latest in records:
                block = _next(found, datetime.fromisoformat(earliest), datetime.fromisoformat(latest))
                block.end, block.count = end, count
                if not block.start < block.end <= size or not block.is_full:
                    return
                found.append(block)
        except (OSError, ValueError, TypeError, AttributeError):
            return
        self._blocks = found
        self._kept_to = self._end


def _next(blocks: Sequence[Block], earliest: datetime, latest: datetime) -> Block:
    """An empty block behind ``blocks``."""
    if not blocks:
        return Block(0, 0, 0, 0, earliest, latest)
    last = blocks[-1]
    return Block(last.end, last.end, last.first + last.count, 0, earliest, latest)
