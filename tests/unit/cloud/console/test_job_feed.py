"""Readers of one job: each gets every line once and in order, or the last ones if he was away for long."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

from cloud.console.job_feed import SHOWN_LINES, JobFeed, JobFeeds
from cloud.engine.jobs.logs import JobLog
from cloud.engine.jobs.service import JobService
from cloud.engine.notifier import Changes
from cloud.lifecycle import JobState
from cloud.names import GsUri
from cloud.resources import Job, TrainingSpec
from cloud.resources.log_entries import LogEntry, Severity

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


class OneJob:
    """A service with one job, whose log the test writes."""

    def __init__(self, folder: Path) -> None:
        spec = TrainingSpec("job", (GsUri("bucket", "a.tar.gz"),), "trainer.task")
        self.job = Job(spec, JobState.RUNNING, NOON)
        self.log = JobLog(folder / "job.jsonl")
        self.changes = Changes()
        self.followers = 0

    def write(self, *texts: str) -> None:
        for text in texts:
            self.log.append(LogEntry(datetime.now(UTC), Severity.INFO, "master-replica-0", text))

    def end(self) -> None:
        self.job = replace(self.job, state=JobState.SUCCEEDED)
        self.log.wake()
        self.changes.notify()

    def get(self, _: str) -> Job:
        return self.job

    async def follow_logs(self, _: str, after: int) -> AsyncIterator[LogEntry]:
        self.followers += 1
        async for entry in self.log.follow(lambda: self.job.state.is_final, after):
            yield entry

    async def read_logs(self, _: str, *, newest_first: bool, limit: int) -> Sequence[LogEntry]:
        return self.log.read(newest_first=newest_first, limit=limit)


def feeds(jobs: OneJob) -> JobFeeds:
    def make(job_id: str, after: int) -> JobFeed:
        return JobFeed(
            cast(JobService, jobs),
            job_id,
            after,
            None,
            Changes(),
            lambda job, _, language: {"status": f"{job.state.value} in {language}", "trials": ""},
        )

    return JobFeeds(make)


async def read(found: JobFeeds, after: int, language: str = "en") -> list[tuple[str, object]]:
    """The events until the end."""
    events: list[tuple[str, object]] = []
    async with found.of("job", after) as feed:
        async for part in feed.events(after, language):
            for block in part.decode().split("\n\n"):
                fields = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
                if fields:
                    events.append((fields["event"], json.loads(fields["data"])))
    return events


def places(events: list[tuple[str, object]]) -> list[int]:
    return [cast(dict[str, int], value)["place"] for name, value in events if name == "line"]


async def test_readers_share_what_was_read_once(tmp_path: Path) -> None:
    jobs = OneJob(tmp_path)
    jobs.write(*map(str, range(10)))
    found = feeds(jobs)
    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        readers = [group.create_task(read(found, after)) for after in (4, 4, 7, -1)]
        spanish = group.create_task(read(found, 9, "es"))
        for number in range(10, 60):
            jobs.write(str(number))
            await asyncio.sleep(0.01)
        jobs.end()
    assert [places(each.result()) for each in readers] == [list(range(after + 1, 60)) for after in (4, 4, 7, -1)]
    assert jobs.followers == 1
    for task, language in ((readers[0], "en"), (spanish, "es")):
        texts = [value["html"] for name, value in task.result() if name == "part" and value["id"] == "status"]  # type: ignore[index]
        assert texts == [f"RUNNING in {language}", f"SUCCEEDED in {language}"]
        assert task.result()[-1] == ("end", {})


async def test_who_was_away_for_long_gets_the_last_lines(tmp_path: Path) -> None:
    jobs, more = OneJob(tmp_path), SHOWN_LINES + 500
    jobs.write("first")
    found = feeds(jobs)
    async with asyncio.timeout(30), found.of("job", -1) as feed:
        events = feed.events(-1, "en")
        first = await anext(events)
        assert b'"first"' in first or b'"first"' in await anext(events)
        jobs.write(*map(str, range(more)))
        await asyncio.sleep(0.5)  # the reader is busy with something else
        jobs.end()
        rest = b"".join([part async for part in events]).decode()
    read_places = [json.loads(line[6:])["place"] for line in rest.splitlines() if '"place"' in line]
    assert read_places == list(range(read_places[0], more + 1))
    assert len(read_places) >= SHOWN_LINES


async def test_the_last_reader_ends_the_feed(tmp_path: Path) -> None:
    jobs = OneJob(tmp_path)
    found, before = feeds(jobs), len(asyncio.all_tasks())
    async with found.of("job", -1) as feed, aclosing(feed.events(-1, "en")) as events:
        await anext(events)
        assert len(asyncio.all_tasks()) > before
    assert len(asyncio.all_tasks()) == before
