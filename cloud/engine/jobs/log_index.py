"""An index of a job's log, so that a page of a long log needs only a small part of the file.

The log is divided into blocks of whole lines. For each the index holds its bytes in the file, the number of its first
line, and its earliest and latest time. Full blocks are saved in a file next to the log. That file is a cache: what does
not match the log, or could not be written, is computed again from the log.
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
_NO_TIME = b"1970-01-01T00:00:00+00:00"
"""The time of lines that have none, which are not entries."""
_TIMESTAMP = re.compile(rb'^\{"timestamp": "(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{6})?\+00:00)"', re.MULTILINE)


@dataclass(slots=True)
class Block:
    """Consecutive whole lines of a log."""

    start: int
    """Offset in bytes, like ``end``."""
    end: int
    first: int
    """Number of its first line, from 0."""
    count: int
    earliest: datetime
    latest: datetime

    @property
    def is_full(self) -> bool:
        return self.end - self.start >= BLOCK_SIZE


class LogIndex:
    """The index of one log. Thread-safe; only one process writes the log.

    Args:
        path: the file for the full blocks.
    """

    def __init__(self, log: Path, path: Path) -> None:
        self._log, self._path = log, path
        self._lock = threading.Lock()
        self._blocks: list[Block] = []
        self._is_loaded = False
        self._saved_to: int | None = 0
        """How many bytes of the log the saved blocks cover; None once the file could not be written."""

    def add(self, start: int, line: bytes, timestamp: datetime) -> None:
        """Add a line written at byte ``start``, if everything before it is indexed; otherwise ``blocks`` finds it."""
        with self._lock:
            if start == self._end:
                self._is_loaded = True  # there is nothing to load for an empty log
                self._append(len(line), 1, timestamp, timestamp)

    def blocks(self) -> list[Block]:
        """The blocks of all whole lines now in the file, in its order. Reads the part that is not indexed yet."""
        with self._lock:
            if not self._is_loaded:
                self._load()
        while self._read_next():
            pass
        with self._lock:
            return [*self._blocks[:-1], *(replace(block) for block in self._blocks[-1:])]

    @property
    def _end(self) -> int:
        return self._blocks[-1].end if self._blocks else 0

    def _read_next(self) -> bool:
        """Index the next lines; false if there are none."""
        # The lock is held for one chunk only: the event loop's thread may be waiting to add a line.
        with self._lock:
            try:
                with self._log.open("rb") as file:
                    file.seek(self._end)
                    piece = file.read(BLOCK_SIZE)
                    if b"\n" not in piece:
                        piece += file.readline()  # a long line
            except FileNotFoundError:
                return False
            whole = piece[: piece.rfind(b"\n") + 1]
            if not whole:
                return False
            # All times are written in UTC, so they sort as text.
            times = _TIMESTAMP.findall(whole) or [_NO_TIME]
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
            self._save(block)

    def _save(self, block: Block) -> None:
        if self._saved_to != block.start:
            return
        record = [block.end, block.count, block.earliest.isoformat(), block.latest.isoformat()]
        flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | (os.O_APPEND if block.start else os.O_TRUNC)
        try:
            with os.fdopen(os.open(self._path, flags, 0o600), "w") as file:
                file.write(json.dumps(record) + "\n")
            self._saved_to = block.end
        except OSError as error:
            logging.getLogger(__name__).info("%s cannot be written: %s", self._path, error)
            self._saved_to = None

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
        self._saved_to = self._end


def _next(blocks: Sequence[Block], earliest: datetime, latest: datetime) -> Block:
    """An empty block that follows ``blocks``."""
    if not blocks:
        return Block(0, 0, 0, 0, earliest, latest)
    last = blocks[-1]
    return Block(last.end, last.end, last.first + last.count, 0, earliest, latest)
