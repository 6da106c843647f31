"""What is new of one job: read once and encoded once, for any number of readers."""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from itertools import takewhile

from cloud.console.curves import EventFiles
from cloud.console.harmless import is_harmless
from cloud.console.live import COMMENT, HEARTBEAT, any_of, event
from cloud.console.rendering import clock
from cloud.engine.jobs.service import JobService
from cloud.engine.notifier import Changes
from cloud.resources import Job, Json
from cloud.resources.log_entries import LogEntry

SHOWN_LINES = 2000
"""Of a log: the last ones. ``log.txt`` has all."""
_BEAT = 0.2
"""Seconds between two parts of the stream, at least."""
_LOOK = 1.0
"""Seconds between two looks at event files, at least."""

Parts = Callable[[Job, EventFiles | None, str], dict[str, str]]
"""The parts of a job's page that change, as HTML by the ids of their elements: of a job, its metrics, in a language."""


class JobFeed:
    """The lines of a job's log from one place on, and the parts of its page.

    Args:
        after: the place of the last line that is not sent.
        files: its metrics, if it has a folder for them; ``stored`` tells when they may have changed.
    """

    def __init__(
        self, jobs: JobService, job_id: str, after: int, files: EventFiles | None, stored: Changes, parts: Parts
    ) -> None:
        self._jobs, self._job_id, self._files, self._stored, self._parts = jobs, job_id, files, stored, parts
        self._lines = deque[tuple[int, bytes]](maxlen=SHOWN_LINES)
        self._after = after
        self._joined: dict[int, bytes] = {}
        self._joined_to = -1
        self._news, self._turns = Changes(), Changes()
        """What happened, and when all readers look at it."""
        self._state = 0
        """Counts the changes of the parts."""
        self._rendered: dict[str, tuple[int, dict[str, bytes]]] = {}
        self._has_ended = False

    async def run(self) -> None:
        """Follow the job until it has ended."""
        tasks = [asyncio.create_task(self._watch()), asyncio.create_task(self._beat())]
        try:
            async for entry in self._jobs.follow_logs(self._job_id, self._after):
                self._lines.append((entry.place, event("line", line(entry), entry.place)))
                self._news.notify()
            if self._files:
                await self._files.read(self._jobs.get(self._job_id).end_time)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._state += 1
            self._has_ended = True
            self._turns.notify()

    async def _watch(self) -> None:
        """Notice changes of the job, and of its metrics."""
        while True:
            changes = [self._jobs.changes.next(), *([self._stored.next()] if self._files else [])]
            try:
                if self._files:
                    await self._files.read()
            except Exception:  # the log goes on, whatever is wrong with the job's files
                logging.getLogger(__name__).exception("metrics of job %s", self._job_id)
            self._state += 1
            self._news.notify()
            await asyncio.sleep(_LOOK if self._files else _BEAT)
            await any_of(changes)

    async def _beat(self) -> None:
        """Wake the readers together, at once and then not too often: one timer is enough for all of them."""
        while True:
            news = self._news.next()
            self._turns.notify()
            await asyncio.sleep(_BEAT)
            await any_of([news], HEARTBEAT)

    async def events(self, after: int, language: str) -> AsyncGenerator[bytes, None]:
        """The stream for a reader who has the log up to the place ``after``."""
        last, state, sent = after, -1, dict[str, bytes]()
        while True:
            turn, ends = self._turns.next(), self._has_ended
            part = b""
            if self._holds(last + 1):
                part = self._lines_after(last)
                last = self._lines[-1][0] if part else last
            else:
                missed = await self._missed(last)
                part = b"".join(event("line", line(entry), entry.place) for entry in missed)
                last = missed[-1].place if missed else last
                ends = ends and not missed
            if state != self._state:
                state, parts = self._state, self._current(language)
                part += b"".join(data for name, data in parts.items() if sent.get(name) != data)
                sent = parts
            yield part or COMMENT
            if ends:
                yield event("end", {})
                return
            await turn.wait()

    def _holds(self, place: int) -> bool:
        """Whether nothing from ``place`` on is missing here."""
        is_full = len(self._lines) == self._lines.maxlen
        return place >= self._lines[0][0] if is_full else place > self._after

    def _lines_after(self, last: int) -> bytes:
        """Joined once for all readers that are at the same place."""
        newest = self._lines[-1][0] if self._lines else -1
        if newest != self._joined_to:
            self._joined, self._joined_to = {}, newest
        if last not in self._joined:
            newer = takewhile(lambda each: each[0] > last, reversed(self._lines))
            self._joined[last] = b"".join([data for _, data in newer][::-1])
        return self._joined[last]

    async def _missed(self, last: int) -> list[LogEntry]:
        entries = await self._jobs.read_logs(self._job_id, newest_first=True, limit=SHOWN_LINES)
        return sorted((entry for entry in entries if entry.place > last), key=lambda entry: entry.place)

    def _current(self, language: str) -> dict[str, bytes]:
        state, parts = self._rendered.get(language, (-1, {}))
        if state != self._state:
            html = self._parts(self._jobs.get(self._job_id), self._files, language)
            parts = {name: event("part", {"id": name, "html": text}) for name, text in html.items()}
            self._rendered[language] = self._state, parts
        return parts


class JobFeeds:
    """The feeds of the jobs that somebody reads."""

    def __init__(self, make: Callable[[str, int], JobFeed]) -> None:
        self._make = make
        self._feeds: dict[str, tuple[JobFeed, asyncio.Task[None], list[object]]] = {}

    @asynccontextmanager
    async def of(self, job_id: str, after: int) -> AsyncIterator[JobFeed]:
        """The feed of a job. It ends with its last reader."""
        if job_id not in self._feeds:
            feed = self._make(job_id, after)
            self._feeds[job_id] = feed, asyncio.create_task(feed.run(), name=f"console, job {job_id}"), []
        feed, task, readers = self._feeds[job_id]
        reader = object()
        readers.append(reader)
        try:
            yield feed
        finally:
            readers.remove(reader)
            if not readers:
                del self._feeds[job_id]
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task


def line(entry: LogEntry) -> dict[str, Json]:
    """A line of the log as the page shows it."""
    return {
        "place": entry.place,
        "time": clock(entry.timestamp),
        "severity": entry.severity.value,
        "task": f"{entry.task_name} {entry.trial}" if entry.trial else entry.task_name,
        "text": entry.message,
        "harmless": is_harmless(entry.message),
    }
