"""A job's log: followers get every entry once, in order; an entry that cannot be written raises an error."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.backends.selection import select_entries
from cloud.engine.jobs import log_index, logs
from cloud.engine.jobs.logs import JobLog
from cloud.resources.log_entries import LogEntry, LogRange, Severity

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def _entry(message: str) -> LogEntry:
    return LogEntry(datetime(2026, 1, 1, tzinfo=UTC), Severity.INFO, "master-replica-0", message)


async def test_a_follower_gets_earlier_and_later_entries_and_then_ends(tmp_path: Path) -> None:
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
def test_any_text_is_read_as_it_was_written(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    log = JobLog(tmp_path_factory.mktemp("logs") / "job.jsonl")
    log.append(_entry(text))

    async def only() -> list[LogEntry]:
        return [entry async for entry in log.follow(lambda: True)]

    assert asyncio.run(only()) == [_entry(text)]


ENTRIES = st.lists(
    st.builds(
        LogEntry,
        timestamp=st.integers(0, 12).map(lambda seconds: NOON + timedelta(seconds=seconds)),
        severity=st.just(Severity.INFO),
        task_name=st.just("x"),
        message=st.text(st.characters(exclude_categories=["Cs"]), max_size=30),
    ),
    max_size=40,
)
MOMENTS = st.none() | st.integers(-1, 13).map(lambda seconds: NOON + timedelta(seconds=seconds))
POSITIONS = st.none() | st.tuples(MOMENTS.filter(bool), st.integers(-1, 40))
RANGES = st.builds(LogRange, after=POSITIONS, before=POSITIONS, since=MOMENTS, until=MOMENTS)


@given(ENTRIES, RANGES, st.booleans(), st.none() | st.integers(0, 20), st.data())
def test_a_part_is_the_same_as_one_of_the_whole_sorted_log(
    tmp_path_factory: pytest.TempPathFactory,
    entries: list[LogEntry],
    part: LogRange,
    newest_first: bool,
    limit: int | None,
    data: st.DataObject,
) -> None:
    path = tmp_path_factory.mktemp("logs") / "job.jsonl"
    with mock.patch.object(log_index, "BLOCK_SIZE", data.draw(st.sampled_from([1, 300, 1000]))):
        log, written = JobLog(path), list[LogEntry]()
        for entry in [*entries, None]:
            event = data.draw(st.sampled_from(["", "", "read", "another process", "without an index"]))
            if event in ("another process", "without an index"):
                log = JobLog(path)
            if event == "without an index":
                path.with_suffix(".index").unlink(missing_ok=True)
            if event or entry is None:
                expected = select_entries(written, part, newest_first=newest_first, limit=limit)
                found = log.read(part, newest_first=newest_first, limit=limit)
                assert [(found.place, found) for found in found] == [(entry.place, entry) for entry in expected]
            if entry is not None:
                log.append(entry)
                written.append(entry)


def test_a_page_of_a_long_log_reads_a_small_part_of_it(tmp_path: Path) -> None:
    path = tmp_path / "job.jsonl"
    log = JobLog(path)
    for number in range(5000):
        log.append(replace(_entry("x" * 100), timestamp=NOON + timedelta(milliseconds=number)))
    full = path.stat().st_size // log_index.BLOCK_SIZE
    assert len(path.with_suffix(".index").read_text().splitlines()) == full > 8
    log = JobLog(path)
    with mock.patch.object(logs, "_entries", wraps=logs._entries) as read:
        page = log.read(LogRange(after=(NOON + timedelta(milliseconds=2499), 10**9)), limit=100)
        assert [entry.place for entry in page] == list(range(2500, 2600))
        (last,) = log.read(newest_first=True, limit=1)
        assert last.place == 4999
    assert read.call_count <= 4


@pytest.mark.parametrize("damage", ["", "[", "[1]\n", '[99999999, 1, "2026", "2026"]\n', '["a", 1, 2, 3]\n', "\0\0"])
def test_an_index_that_does_not_match_the_log_is_rebuilt(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "job.jsonl"
    log = JobLog(path)
    for _ in range(1000):
        log.append(_entry("x" * 100))
    index = path.with_suffix(".index")
    index.write_text(index.read_text() + damage if damage.startswith("[1]") else damage)
    for _ in range(2):
        assert [entry.place for entry in JobLog(path).read()] == list(range(1000))


def test_a_line_that_is_not_an_entry_is_skipped(tmp_path: Path) -> None:
    path = tmp_path / "job.jsonl"
    log = JobLog(path)
    log.append(_entry("first"))
    with path.open("a") as file:
        file.write('{"timestamp": "2026-\n')
    log.append(_entry("second"))
    with path.open("a") as file:
        file.write('{"timestamp": "')  # half a line
    assert [(entry.place, entry.message) for entry in JobLog(path).read()] == [(0, "first"), (2, "second")]


def test_an_index_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    path = tmp_path / "job.jsonl"
    path.with_suffix(".index").mkdir()
    log = JobLog(path)
    for _ in range(1000):
        log.append(_entry("x" * 100))
    assert len(log.read()) == 1000


def test_a_log_without_a_file_is_empty(tmp_path: Path) -> None:
    assert JobLog(tmp_path / "none.jsonl").read() == []


def test_a_full_disk_is_an_error_not_a_gap(tmp_path: Path) -> None:
    path = tmp_path / "job.jsonl"
    path.symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left"):
        JobLog(path).append(_entry("lost"))


@pytest.mark.parametrize("after", [-1, 0, 1, 500, 2998, 2999, 5000])
async def test_a_follower_may_begin_anywhere(tmp_path: Path, after: int) -> None:
    log = JobLog(tmp_path / "job.jsonl")
    for number in range(3000):  # several blocks of the index
        log.append(_entry(f"line {number}"))
    found = [entry async for entry in JobLog(log._path).follow(lambda: True, after)]
    assert [entry.place for entry in found] == list(range(after + 1, 3000))
    assert all(entry.message == f"line {entry.place}" for entry in found)
