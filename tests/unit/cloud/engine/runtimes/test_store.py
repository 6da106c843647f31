import asyncio
import errno
import json
import os
import sys
from pathlib import Path

import pytest

from cloud.engine.runtimes.store import Record, State, Store, Stored
from cloud.errors import FailedPrecondition, NotFound, ResourceExhausted

TF2 = Record("tf2.15", "3.11.7", "TensorFlow 2.15.1")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def never() -> None:
    raise AssertionError("nobody else builds")


async def make(store: Store, record: Record = TF2, python: str = "3.11") -> Stored:
    async with store.building(f"{record.name}-py{python}", never) as (folder, _):
        (folder / "bin").mkdir()
        (folder / "bin" / "python").symlink_to(sys.executable)
        return store.finish(folder, record)


async def test_a_store_that_is_not_there_is_empty(store: Store) -> None:
    assert (store.entries(), store.find("tf2.15"), store.ready()) == ([], None, set())
    assert not store.folder.exists()


async def test_a_runtime_is_ready_when_it_is_finished(store: Store) -> None:
    async with store.building("tf2.15-py3.11", never) as (folder, _):
        assert [stored.state for stored in store.entries()] == [State.BUILDING]
        assert store.find("tf2.15") is None
    assert not folder.exists(), "it was not finished"

    made = await make(store)
    assert store.find("tf2.15") == made
    assert store.ready() == {"tf2.15"}
    assert made.site == store.folder / "tf2.15-py3.11/lib/python3.11/site-packages"


async def test_of_several_pythons_the_newest_is_found(store: Store) -> None:
    for python in ("3.9", "3.11", "3.10"):
        await make(store, Record("tf2.15", f"{python}.7", "TensorFlow 2.15.1"), python)
    found = store.find("tf2.15")
    assert found is not None
    assert found.folder.name == "tf2.15-py3.11"


async def test_one_that_has_just_been_made_by_another_process_is_not_made_again(store: Store) -> None:
    made = await make(store)
    async with store.building("tf2.15-py3.11", never) as (folder, _):
        assert store.get(folder.name) == made
    assert store.find("tf2.15") == made


async def test_two_that_build_at_once_wait_for_each_other(store: Store) -> None:
    waiting = asyncio.Event()
    events: list[str] = []

    async def second() -> None:
        async with store.building("tf2.15-py3.11", waiting.set) as (folder, _):
            events.append("there" if store.get(folder.name) else "empty")

    async with store.building("tf2.15-py3.11", never) as (folder, _):
        task = asyncio.create_task(second())
        await waiting.wait()
        assert events == []
        (folder / "bin").mkdir()
        (folder / "bin" / "python").symlink_to(sys.executable)
        store.finish(folder, TF2)
    await task
    assert events == ["there"]


async def test_a_leftover_is_listed_and_removed_by_the_next_one_that_builds(store: Store) -> None:
    half = store.folder / "tf2.15-py3.11"
    (half / "lib").mkdir(parents=True)
    assert [stored.state for stored in store.entries()] == [State.LEFTOVER]
    assert store.find("tf2.15") is None
    async with store.building(half.name, never) as (folder, _):
        assert list(folder.iterdir()) == []


@pytest.mark.parametrize("content", ["", "{", "[]", '{"name": 1}'])
async def test_a_damaged_record_is_a_leftover(store: Store, content: str) -> None:
    made = await make(store)
    (made.folder / "runtime.json").write_text(content)
    assert store.find("tf2.15") is None
    await make(store)
    assert store.find("tf2.15") == made


async def test_it_is_broken_when_its_python_has_gone(store: Store, tmp_path: Path) -> None:
    made = await make(store)
    (made.folder / "bin" / "python").unlink()
    (made.folder / "bin" / "python").symlink_to(tmp_path / "gone")
    assert [stored.state for stored in store.entries()] == [State.BROKEN]
    assert store.find("tf2.15") is None
    assert await make(store) == made, "it is made again"


async def test_it_is_broken_when_its_base_has_gone(store: Store) -> None:
    base = await make(store)
    await make(store, Record("tf1", "3.11.7", "TensorFlow 2.15.1 as compat.v1", base.folder.name))
    assert store.ready() == {"tf1", "tf2.15"}
    with pytest.raises(FailedPrecondition, match=r"tf1 needs tf2.15: remove tf1 first"):
        await store.remove("tf2.15")
    (base.folder / "runtime.json").unlink()
    assert store.ready() == set()


async def test_runtimes_are_removed_by_name_or_folder(store: Store) -> None:
    for python in ("3.10", "3.11"):
        await make(store, Record("tf2.15", f"{python}.1", "TensorFlow 2.15.1"), python)
    assert await store.remove("tf2.15-py3.10") == [store.folder / "tf2.15-py3.10"]
    assert await store.remove("tf2.15") == [store.folder / "tf2.15-py3.11"]
    assert store.entries() == []
    with pytest.raises(NotFound, match=r"there is no runtime 'tf2.15'"):
        await store.remove("tf2.15")


async def test_one_that_is_being_built_is_not_removed(store: Store) -> None:
    async with store.building("tf2.15-py3.11", never):
        with pytest.raises(FailedPrecondition, match="is being built by another process"):
            await store.remove("tf2.15")


async def test_a_store_that_cannot_be_written_is_named_with_the_mend(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("a file")
    store = Store(tmp_path / "store")
    with pytest.raises(FailedPrecondition, match=r"store.*cannot be written: point CLOUD_RUNTIMES to a folder"):
        async with store.building("tf2.15-py3.11", never):
            pass


async def test_a_full_disk_is_named_and_leaves_nothing(store: Store) -> None:
    with pytest.raises(ResourceExhausted, match="no room left for the store of runtimes"):
        async with store.building("tf2.15-py3.11", never):
            raise OSError(errno.ENOSPC, "No space left on device")
    assert store.entries() == []


async def test_a_record_holds_what_the_store_needs(store: Store) -> None:
    made = await make(store)
    assert json.loads((made.folder / "runtime.json").read_text()) == {
        "name": "tf2.15",
        "python": "3.11.7",
        "description": "TensorFlow 2.15.1",
        "base": None,
        "layer": None,
    }
    assert os.stat(made.folder / "runtime.json").st_mode & 0o777 == 0o644


async def test_what_killed_processes_left_half_built_is_removed(store: Store) -> None:
    ready = await make(store)
    left = store.folder / "tf2.17-py3.11"
    (left / "lib").mkdir(parents=True)
    async with store.building("tf1-py3.7", never) as (folder, _):
        store.remove_leftovers()
        assert folder.exists()
    assert not left.exists()
    assert [stored.state for stored in store.entries()] == [State.READY]
    assert store.entries()[0].folder == ready.folder
