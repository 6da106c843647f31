"""One page of the entries of several logs, merged in order of time. What is read does not depend on how long logs are.

Entries are in order of ``timestamp`` and ``insertId``: by time, then by place in their job's log, then by job.
"""

import asyncio
from collections import deque
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from heapq import heapify, heappop, heapreplace

from cloud.backends.base import Backend
from cloud.emulator.logging_v2.messages import Query, job_facts
from cloud.emulator.logging_v2.sources import JobSource, Source
from cloud.resources import Json
from cloud.resources.log_entries import LogEntry, LogPosition, LogRange

_CHUNK = 1000
"""Entries read at a time where few match."""
_FEW_JOBS, _JOBS = 10, 100
"""Jobs listed first, as hardly any are new, and then at a time."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_Key = tuple[int, int, int]


class JobIds:
    """The ids of a project's jobs. They are never reused, so only new ones are read."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._known: dict[str, list[str]] = {}
        """By the id in lower case: filters compare without regard to case."""
        self._all: set[str] = set()

    async def matching(self, wanted: frozenset[str] | None) -> list[str]:
        """The ids whose lower case is in ``wanted``; all if that is None."""
        new: list[str] = []
        listed: list[str] = []
        size = _FEW_JOBS if self._backend.abilities.lists_in_parts else None
        while True:
            jobs = await self._backend.list_jobs(after=listed[-1] if listed else None, limit=size)
            listed = [job.job_id for job in jobs]
            new += (job_id for job_id in listed if job_id not in self._all)
            if size is None or len(listed) < size or listed[-1] in self._all:
                break
            size = _JOBS
        # Not before all were found: a caller that is gone by then leaves no gap.
        for job_id in new:
            if job_id not in self._all:
                self._all.add(job_id)
                self._known.setdefault(job_id.casefold(), []).append(job_id)
        if wanted is None:
            return list(self._all)
        return [job_id for folded in wanted for job_id in self._known.get(folded, ())]


async def read_page(
    backend: Backend, ids: JobIds, query: Query, others: Iterable[Source] = ()
) -> tuple[list[Json], bool]:
    """The entries of one page, and whether there are more.

    Args:
        others: sources besides the jobs.
    """
    found = await ids.matching(query.wanted.bounds.jobs)
    jobs = [JobSource(backend, job_id) for job_id in await asyncio.to_thread(_may_hold, found, backend, query)]
    cursors = [_Cursor(source, query) for source in (*jobs, *others)]
    heads = [(key, number) for number, cursor in enumerate(cursors) if (key := await cursor.head()) is not None]
    heapify(heads)
    page: list[Json] = []
    while heads:
        if len(page) == query.size:
            return page, True
        number = heads[0][1]
        page.append(cursors[number].take())
        following = await cursors[number].head()
        if following is None:
            heappop(heads)
        else:
            heapreplace(heads, (following, number))
    return page, False


def _may_hold(ids: Sequence[str], backend: Backend, query: Query) -> list[str]:
    """The jobs whose logs may hold matching entries."""
    return [job_id for job_id in ids if query.wanted(job_facts(backend.project, job_id)) is not False]


class _Cursor:
    """The matching entries of one source, in the order of the query."""

    def __init__(self, source: Source, query: Query) -> None:
        self._source, self._query = source, query
        self._found: deque[tuple[_Key, Json]] = deque()
        self._part: LogRange | None = self._first_part()
        self._limit = query.size + 1
        """A page, and one entry that shows that there are more."""

    def _first_part(self) -> LogRange:
        bounds, last = self._query.wanted.bounds, self._query.after
        after = before = None
        if last is not None:
            moment, place, short = last
            # The last page may have ended with an entry of another job at the same moment and place.
            if self._query.newest_first:
                before = moment, place + (self._source.short < short)
            else:
                after = moment, place - (self._source.short > short)
        return LogRange(after=after, before=before, since=bounds.since, until=bounds.until)

    async def head(self) -> _Key | None:
        """The key of the next entry; None if there is none."""
        while not self._found and self._part is not None:
            newest_first = self._query.newest_first
            entries = await self._source.read(self._part, newest_first=newest_first, limit=self._limit)
            self._found.extend(await asyncio.to_thread(self._wanted, entries))
            self._part = self._behind(self._part, entries[-1].position) if len(entries) == self._limit else None
            self._limit = _CHUNK
        return self._found[0][0] if self._found else None

    def take(self) -> Json:
        return self._found.popleft()[1]

    def _behind(self, part: LogRange, position: LogPosition) -> LogRange:
        if self._query.newest_first:
            return LogRange(part.after, position, part.since, part.until)
        return LogRange(position, part.before, part.since, part.until)

    def _wanted(self, entries: Sequence[LogEntry]) -> list[tuple[_Key, Json]]:
        found = [(self._key(entry), self._source.write_json(entry)) for entry in entries]
        return [(key, answer) for key, answer in found if self._query.wanted(answer)]

    def _key(self, entry: LogEntry) -> _Key:
        """In order of the query."""
        sign = -1 if self._query.newest_first else 1
        moment = (entry.timestamp - _EPOCH) // timedelta(microseconds=1)
        return sign * moment, sign * entry.place, sign * int(self._source.short, 16)
