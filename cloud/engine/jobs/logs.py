"""A job's log: one file of JSON lines, written as lines come, followed by any number of readers."""

import json
import os
import re
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime
from pathlib import Path

from cloud.engine.notifier import Changes
from cloud.resources import LogEntry, Severity

_PYTHON = re.compile(r"(DEBUG|INFO|WARNING|ERROR|CRITICAL)\b[:\s]")
_TENSORFLOW = re.compile(r"(?:([IWEF])\d{4} \d\d:|\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+: ([IWEF]) )")
_LETTERS = {"I": Severity.INFO, "W": Severity.WARNING, "E": Severity.ERROR, "F": Severity.CRITICAL}


def severity_of(stream: str, text: str) -> Severity:
    """What a trainer's line says of itself (Python's and TensorFlow's prefixes), else stdout INFO, stderr ERROR,
    as the service classifies them."""
    if said := _PYTHON.match(text):
        return Severity(said[1])
    if said := _TENSORFLOW.match(text):
        return _LETTERS[said[1] or said[2]]
    return Severity.ERROR if stream == "stderr" else Severity.INFO


def is_tensorflows(text: str) -> bool:
    """Whether a line is TensorFlow's own logging: on stderr whatever happens, and hardly ever why a trainer ended."""
    return _TENSORFLOW.match(text) is not None


class JobLog:
    """Append and follow. An entry is in the file when ``append`` returns.

    Raises:
        OSError: from ``append``, when the entry could not be written whole; it is not in the log then.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._changes = Changes()
        self._parsed: tuple[list[LogEntry], int] = [], 0
        """What was read, and the size in the file; replaced as a whole, for readers in several threads."""
        path.parent.mkdir(parents=True, exist_ok=True)

    def append(self, entry: LogEntry) -> None:
        record = {
            "timestamp": entry.timestamp.isoformat(),
            "severity": entry.severity.value,
            "task_name": entry.task_name,
            "message": entry.message,
        }
        line = json.dumps(record).encode() + b"\n"
        file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            start = os.fstat(file).st_size
            written = os.write(file, line)
            if written < len(line):
                os.ftruncate(file, start)
                raise OSError(f"{self._path}: only {written} of {len(line)} bytes could be written")
        finally:
            os.close(file)
        self._changes.notify()

    def wake(self) -> None:
        """Have followers look again whether the job is finished."""
        self._changes.notify()

    def read(self) -> Sequence[LogEntry]:
        """Every entry so far. Those that were read before are kept, so that only new ones are parsed."""
        entries, size = self._parsed
        try:
            with self._path.open("rb") as file:
                file.seek(size)
                new = file.read()
        except FileNotFoundError:
            return []
        whole = new[: new.rfind(b"\n") + 1]
        if whole:
            entries = entries + [_entry(line) for line in whole.splitlines(keepends=True)]
            self._parsed = entries, size + len(whole)
        return entries

    @property
    def kept(self) -> int:
        """Bytes in the file of the entries that are kept."""
        return self._parsed[1]

    def forget(self) -> None:
        """Keep none of the entries that were read."""
        self._parsed = [], 0

    async def follow(self, finished: Callable[[], bool]) -> AsyncIterator[LogEntry]:
        """Every entry from the first; ends when ``finished()`` and all is read."""
        self._path.touch(0o600)
        with self._path.open("rb") as file:
            unread = b""
            while True:
                changed, last = self._changes.next(), finished()
                while piece := file.readline():
                    unread += piece
                    if unread.endswith(b"\n"):
                        yield _entry(unread)
                        unread = b""
                if last:
                    return
                await changed.wait()


def _entry(line: bytes) -> LogEntry:
    record = json.loads(line)
    return LogEntry(
        timestamp=datetime.fromisoformat(record["timestamp"]),
        severity=Severity(record["severity"]),
        task_name=record["task_name"],
        message=record["message"],
    )
