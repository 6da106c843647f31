"""A job's log: followers see every entry once, in order, to the last; an entry that cannot be written says so."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.engine.jobs.logs import JobLog, severity_of
from cloud.resources import LogEntry, Severity


def _entry(message: str) -> LogEntry:
    return LogEntry(datetime(2026, 1, 1, tzinfo=UTC), Severity.INFO, "master-replica-0", message)


async def test_a_follower_sees_what_was_and_what_comes_and_then_ends(tmp_path: Path) -> None:
    log, finished = JobLog(tmp_path / "job.jsonl"), False
    log.append(_entry("before"))
    seen: list[str] = []

    async def follow() -> None:
        seen.extend([entry.message async for entry in log.follow(lambda: finished)])

    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        group.create_task(follow())
        for number in range(100):
            log.append(_entry(f"line {number}"))
            await asyncio.sleep(0)
        log.append(_entry("last"))
        finished = True
        log.wake()
    assert seen == ["before", *(f"line {number}" for number in range(100)), "last"]


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_survives(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    log = JobLog(tmp_path_factory.mktemp("logs") / "job.jsonl")
    log.append(_entry(text))

    async def only() -> list[LogEntry]:
        return [entry async for entry in log.follow(lambda: True)]

    assert asyncio.run(only()) == [_entry(text)]


def test_what_was_read_is_not_parsed_again(tmp_path: Path) -> None:
    log = JobLog(tmp_path / "job.jsonl")
    log.append(_entry("first"))
    (first,) = log.read()
    log.append(_entry("second"))
    with (tmp_path / "job.jsonl").open("a") as file:
        file.write('{"timestamp": "')  # half a line
    again = log.read()
    assert [entry.message for entry in again] == ["first", "second"]
    assert again[0] is first
    log.forget()
    assert log.kept == 0
    assert list(log.read()) == list(again)


def test_a_full_disk_is_an_error_not_a_hole(tmp_path: Path) -> None:
    path = tmp_path / "job.jsonl"
    path.symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left"):
        JobLog(path).append(_entry("lost"))


@pytest.mark.parametrize(
    ("stream", "text", "severity"),
    [
        ("stdout", "step 1/10", Severity.INFO),
        ("stderr", "Traceback (most recent call last):", Severity.ERROR),
        ("stderr", "WARNING:root:low disk", Severity.WARNING),
        ("stderr", "I0000 00:00:1795382689.461778    2361 port.cc:153] oneDNN", Severity.INFO),
        ("stderr", "2026-11-22 21:00:00.123456: W tensorflow/core/x.cc:1] odd", Severity.WARNING),
        ("stderr", "INFORMATION is not a prefix", Severity.ERROR),
    ],
)
def test_severity_is_what_the_line_says_else_its_streams(stream: str, text: str, severity: Severity) -> None:
    assert severity_of(stream, text) is severity
