import asyncio
import os
from pathlib import Path

import pytest

from cloud.engine.jobs import bounds
from cloud.engine.jobs.bounds import Bounds, measure
from cloud.settings import Settings

BLOCK = bytes(4096)


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    both = (tmp_path / "job", tmp_path / "tmp")
    for folder in both:
        folder.mkdir()
    return both


def test_all_files_of_a_job_are_measured_once_and_no_others(folders: tuple[Path, Path], tmp_path: Path) -> None:
    empty = measure(folders)
    (folders[0] / "deep" / "er").mkdir(parents=True)
    (folders[0] / "deep" / "er" / "file").write_bytes(BLOCK * 100)
    (folders[1] / "file").write_bytes(BLOCK * 10)
    os.link(folders[1] / "file", folders[1] / "again")
    (tmp_path / "elsewhere").write_bytes(BLOCK * 1000)
    (folders[1] / "link").symlink_to(tmp_path)
    with (folders[1] / "sparse").open("wb") as file:
        file.truncate(10**9)
    assert BLOCK.__len__() * 110 <= measure(folders) - empty < BLOCK.__len__() * 130


def test_a_folder_that_is_gone_or_closed_holds_nothing(folders: tuple[Path, Path], tmp_path: Path) -> None:
    assert measure([tmp_path / "none", folders[0]]) == measure([folders[0]])


async def met(limits: Bounds, folders: tuple[Path, Path]) -> str:
    async with asyncio.timeout(10):
        return await limits.wait_for_disk(folders)


async def test_a_job_that_uses_too_much_meets_its_bound(folders: tuple[Path, Path]) -> None:
    limits = Bounds(Settings(job_disk_bytes=300_000))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await limits.wait_for_disk(folders)
    (folders[1] / "file").write_bytes(BLOCK * 100)
    assert "a job may use 300000 (CLOUD_JOB_DISK_BYTES)" in await met(limits, folders)


async def test_a_job_must_leave_room_for_others(folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    free = iter([1000, 900, 150])
    monkeypatch.setattr(bounds, "_free", lambda _: next(free))
    monkeypatch.setattr(bounds, "_CHECK_INTERVAL", 0)
    text = await met(Bounds(Settings(disk_reserve_bytes=200)), folders)
    assert "only 150 bytes are free" in text
    assert "a job must leave 200 (CLOUD_DISK_RESERVE_BYTES)" in text


async def test_on_a_disk_that_is_full_before_it_a_job_must_leave_half(
    folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    free = iter([1000, 900, 501, 499])
    monkeypatch.setattr(bounds, "_free", lambda _: next(free))
    monkeypatch.setattr(bounds, "_CHECK_INTERVAL", 0)
    assert "only 499 bytes are free" in await met(Bounds(Settings(disk_reserve_bytes=10**6)), folders)


@pytest.mark.parametrize(
    ("output", "setting"),
    [
        ("OSError: [Errno 24] Too many open files: 'a'", "8192 files open at a time"),
        ("RuntimeError: can't start new thread", "4096 processes and threads"),
        ("BlockingIOError: [Errno 11] Resource temporarily unavailable", "4096 processes and threads"),
        ("sh: 0: Cannot fork: Resource temporarily unavailable", "4096 processes and threads"),
        ("pthread_create failed for thread 7 of 64: Resource temporarily unavailable", "4096 processes and threads"),
        ("terminate called\n  what():  Resource temporarily unavailable", None),
        ("RuntimeError: can't start new thread\n" + "handled\n" * 9 + "ValueError: other", None),
    ],
)
def test_what_a_program_may_not_have_more_of_is_explained(output: str, setting: str | None) -> None:
    text = Bounds().explain(output)
    assert text is None if setting is None else setting in (text or "")
