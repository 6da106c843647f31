"""A job's log: a file of JSON lines, appended to as output arrives, which any number of readers can follow."""

import asyncio
import errno
import json
import os
from bisect import bisect_left, bisect_right
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from operator import attrgetter, itemgetter
from pathlib import Path
from typing import BinaryIO

from cloud.engine.jobs.log_index import Block, LogIndex
from cloud.engine.notifier import Changes
from cloud.resources import Json
from cloud.resources.log_entries import WHOLE_LOG, LogEntry, LogRange, Severity


class JobLog:
    """Append, read and follow. An entry is in the file when ``append`` returns.

    Raises:
        OSError: from ``append``: the entry could not be written in full, and is not in the log.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._changes = Changes()
        self._index = LogIndex(path, path.with_suffix(".index"))
        self.size = 0
        """Bytes of the file, once something was appended."""

    def append(self, entry: LogEntry) -> None:
        time = entry.timestamp.astimezone(UTC)
        record: dict[str, Json] = {
            "timestamp": time.isoformat(),  # first and in UTC: see log_index
            "severity": entry.severity.value,
            "task_name": entry.task_name,
            "message": entry.message,
        }
        if entry.trial:
            record["trial"] = entry.trial
        if entry.written is not None:
            record["written"] = entry.written
        line = json.dumps(record).encode() + b"\n"
        file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            start = os.fstat(file).st_size
            written = os.write(file, line)
            if written < len(line):
                os.ftruncate(file, start)
                raise OSError(errno.ENOSPC, f"only {written} of {len(line)} bytes could be written", str(self._path))
        finally:
            os.close(file)
        self.size = start + len(line)
        self._index.add(start, line, time)
        self._changes.notify()

    def wake(self) -> None:
        """Have followers check again whether the job is finished."""
        self._changes.notify()

    def _start_of(self, place: int) -> tuple[int, int]:
        """Where to begin to read for the line ``place``: an offset in bytes, and the number of the line there."""
        blocks = self._index.blocks()
        found = bisect_right(blocks, place, key=attrgetter("first")) - 1
        return (blocks[found].start, blocks[found].first) if found >= 0 else (0, 0)

    def read(
        self, part: LogRange = WHOLE_LOG, *, newest_first: bool = False, limit: int | None = None
    ) -> list[LogEntry]:
        """Entries in order of time; see ``Backend.read_logs``. Slow: run it in a thread.

        Blocks are read in order of their earliest time. Entries earlier than every unread block are in their final
        order. Lines are almost in order of time, so few have to wait for the next block.
        """
        # Negative times and numbers reverse the order.
        sign = -1 if newest_first else 1
        blocks = sorted(
            (
                (sign * _microseconds(block.latest if newest_first else block.earliest), block)
                for block in self._index.blocks()
                if part.overlaps(block.earliest, block.latest)
            ),
            key=itemgetter(0),
        )
        found: list[LogEntry] = []
        waiting: list[tuple[int, int, LogEntry]] = []
        with self._path.open("rb") if blocks else nullcontext() as file:
            for number, (_, block) in enumerate(blocks):
                waiting += (
                    (sign * _microseconds(entry.timestamp), sign * entry.place, entry)
                    for entry in _entries(file, block)  # type: ignore[arg-type]
                    if part.holds(entry)
                )
                bound = blocks[number + 1][0] if number + 1 < len(blocks) else None
                if bound is not None and not any(moment < bound for moment, _, _ in waiting):
                    continue
                waiting.sort(key=_BY_POSITION)
                cut = len(waiting) if bound is None else bisect_left(waiting, bound, key=itemgetter(0))
                found += (entry for _, _, entry in waiting[:cut])
                del waiting[:cut]
                if limit is not None and len(found) >= limit:
                    break
        return found[:limit]

    async def follow(self, finished: Callable[[], bool], after: int = -1) -> AsyncIterator[LogEntry]:
        """Every entry from the first that follows the place ``after``; ends when ``finished()`` is true and everything
        is read."""
        while not self._path.exists():
            changed, last = self._changes.next(), finished()
            if last and not self._path.exists():
                return
            if not self._path.exists():
                await changed.wait()
        start, place = await asyncio.to_thread(self._start_of, after + 1) if after >= 0 else (0, 0)
        with self._path.open("rb") as file:
            file.seek(start)
            unread = b""
            while True:
                changed, last = self._changes.next(), finished()
                while piece := file.readline():
                    unread += piece
                    if unread.endswith(b"\n"):
                        if place > after and (entry := _entry(unread, place)):
                            yield entry
                        unread, place = b"", place + 1
                if last:
                    return
                await changed.wait()


_BY_POSITION = itemgetter(0, 1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _microseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)


def _entries(file: BinaryIO, block: Block) -> Iterator[LogEntry]:
    file.seek(block.start)
    lines = file.read(block.end - block.start).splitlines()
    return filter(None, (_entry(line, block.first + number) for number, line in enumerate(lines)))


def _entry(line: bytes, place: int) -> LogEntry | None:
    """None if the line is not an entry, but a part of one, as a power failure can leave."""
    try:
        record = json.loads(line)
        return LogEntry(
            timestamp=datetime.fromisoformat(record["timestamp"]),
            severity=Severity(record["severity"]),
            task_name=record["task_name"],
            message=record["message"],
            place=place,
            written=record.get("written"),
            trial=record.get("trial", ""),
        )
    except (ValueError, KeyError, TypeError):
        return None
