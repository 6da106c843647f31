"""The protocol of the class's slots, from both ends, over real sockets."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from cloud.classroom.queue import Queue
from cloud.classroom.slot_server import SlotServer
from cloud.engine.jobs.shared_slots import SharedSlots
from cloud.engine.jobs.slots import Places
from cloud.errors import FailedPrecondition


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        yield Path(folder)


class Cloud:
    """One student's end."""

    def __init__(self, socket: Path) -> None:
        self.slots = SharedSlots(socket)
        self.changed = asyncio.Event()

    async def until(self, holds: Callable[[SharedSlots], bool]) -> None:
        async with asyncio.timeout(5):
            while not holds(self.slots):
                self.changed.clear()
                await self.changed.wait()


@asynccontextmanager
async def clouds(folder: Path, limit: int, count: int) -> AsyncIterator[tuple[SlotServer, list[Cloud]]]:
    server = SlotServer(Queue(limit), folder)
    made = [Cloud(await server.listen(f"student-{number}", number)) for number in range(count)]
    for cloud in made:
        await cloud.slots.start(cloud.changed.set)
    try:
        yield server, made
    finally:
        for cloud in made:
            await cloud.slots.close()
        await server.close()


async def test_places_are_of_the_whole_class(folder: Path) -> None:
    async with clouds(folder, 1, 3) as (_, (ana, ben, eva)):
        ana.slots.request(2)
        await ana.until(lambda slots: slots.granted == 1)
        ben.slots.request(1)
        await ben.until(lambda slots: slots.places == Places([1], 2))
        eva.slots.request(1)
        await eva.until(lambda slots: slots.places == Places([2], 3))
        await ana.until(lambda slots: slots.places == Places([3], 3))
        ana.slots.release()
        ana.slots.request(1)
        assert ana.slots.granted == 0
        await ben.until(lambda slots: slots.granted == 1)
        await eva.until(lambda slots: slots.places == Places([1], 2))


async def test_a_cloud_that_ends_gives_everything_back(folder: Path) -> None:
    async with clouds(folder, 2, 2) as (_, (ana, ben)):
        ana.slots.request(5)
        await ana.until(lambda slots: slots.granted == 2)
        ben.slots.request(2)
        await ana.slots.close()
        await ben.until(lambda slots: slots.granted == 2)


async def test_a_slot_that_is_granted_too_late_is_given_back(folder: Path) -> None:
    async with clouds(folder, 1, 2) as (_, (ana, ben)):
        ana.slots.request(1)
        ana.slots.request(0)  # cancelled, before the answer
        ben.slots.request(1)
        await ben.until(lambda slots: slots.granted == 1)
        ana.slots.request(1)
        await ana.until(lambda slots: slots.places == Places([1], 1))
        assert ana.slots.granted == 0


async def test_without_the_class_a_cloud_goes_on_with_one_job(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with clouds(folder, 3, 1) as (server, (ana,)):
        ana.slots.request(3)
        await ana.until(lambda slots: slots.granted == 3)
        await server.close()
        await ana.until(lambda slots: slots.granted == 1)
        assert ana.slots.places is None
    assert "from now on it runs one job at a time" in caplog.text


async def test_a_socket_where_nobody_listens_is_named(folder: Path) -> None:
    with pytest.raises(FailedPrecondition, match=r"CLOUD_JOB_SLOTS: nobody grants slots for jobs at .*: No such file"):
        await SharedSlots(folder / "x.sock").start(lambda: None)


async def test_a_newer_connection_of_the_same_student_replaces_the_older(folder: Path) -> None:
    async with clouds(folder, 1, 1) as (_, (ana,)):
        ana.slots.request(1)
        await ana.until(lambda slots: slots.granted == 1)
        again = Cloud(folder / "0.sock")
        await again.slots.start(again.changed.set)
        again.slots.request(1)
        await again.until(lambda slots: slots.granted == 1)
        await ana.until(lambda slots: slots.places is None)
        await again.slots.close()


@pytest.mark.parametrize("line", [b"[]\n", b"{}\n", b"x\n", b'{"want": 0}\n', b"x" * 100_000])
async def test_what_is_not_understood_ends_the_connection_only(
    folder: Path, line: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async with clouds(folder, 1, 2) as (_, (_, ben)):
        reader, writer = await asyncio.open_unix_connection(folder / "0.sock")
        writer.write(line)
        async with asyncio.timeout(5):
            while await reader.readline():
                pass
        writer.close()
        ben.slots.request(1)
        await ben.until(lambda slots: slots.granted == 1)
    assert "the cloud of student-0" in caplog.text
