import sys
import threading
from pathlib import Path

import pytest

from cloud.emulator.app import Emulator
from cloud.emulator.deferred import Deferred
from cloud.emulator.mounts import Mount
from cloud.emulator.oauth2.keys import KeyRing
from cloud.emulator.oauth2.tokens import TokenRegistry
from emulator_api.recorder import Recorder, send


@pytest.fixture
def made():
    return []


@pytest.fixture
def emulator(made):
    def make():
        made.append(Recorder())
        return made[-1]

    emulator = Emulator("my-project", "us-central1", Recorder(), TokenRegistry(), KeyRing())
    emulator.mount(Mount(r"ml\.googleapis\.com", r".*", Deferred((), make)))
    return emulator


async def test_an_api_is_made_once_and_with_the_first_request_for_it(emulator, made):
    await send(emulator, "GET", "storage.googleapis.com/storage/v1/b")
    assert made == []
    for name in "ab":
        await send(emulator, "GET", f"ml.googleapis.com/v1/{name}")
    (api,) = made
    assert len(api.seen) == 2


async def test_an_api_that_is_made_before_is_the_one_that_is_asked(made):
    api = Deferred((), lambda: made.append(0) or Recorder())
    assert api.load() is api.load()
    assert made == [0]


async def test_its_modules_are_imported_in_a_thread_before_the_first_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The event loop would stand still meanwhile: for a tenth of a second, where a job is submitted."""
    (tmp_path / "slow_to_import.py").write_text("import threading\nTHREAD = threading.current_thread()\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "slow_to_import", raising=False)
    threads = []

    def make() -> Recorder:
        threads.append(sys.modules["slow_to_import"].THREAD)
        return Recorder()

    emulator = Emulator("my-project", "us-central1", Recorder(), TokenRegistry(), KeyRing())
    emulator.mount(Mount(r"ml\.googleapis\.com", r".*", Deferred(("slow_to_import",), make)))
    await send(emulator, "GET", "ml.googleapis.com/v1/a")
    assert len(threads) == 1
    assert threads[0] is not threading.current_thread()
