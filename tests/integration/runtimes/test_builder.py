"""Runtimes made by uv from an index on loopback, with wheels of a few lines."""

import asyncio
import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from cloud.engine.runtimes.builder import Builder
from cloud.engine.runtimes.google_images import BESIDE_FRAMEWORK
from cloud.engine.runtimes.installed import installed_runtime
from cloud.engine.runtimes.names import request_for_version
from cloud.engine.runtimes.recipes import recipe
from cloud.engine.runtimes.runtimes import Runtimes
from cloud.engine.runtimes.store import State, Store
from cloud.engine.runtimes.uv import Uv
from cloud.errors import FailedPrecondition, InvalidArgument
from cloud.resources.log_entries import Severity
from cloud.settings import RequirementsMode, RuntimeMode
from integration.package_index import PackageIndex, package_index, wheel

TENSORFLOW = wheel("tensorflow", "2.15.1", code="__version__ = '2.15.1'\n")


@pytest.fixture(scope="module")
def index() -> Iterator[PackageIndex]:
    beside = (wheel(name, "1.22") for name in BESIDE_FRAMEWORK)
    with package_index(TENSORFLOW, wheel("scikit-learn", "1.5.2"), wheel("scikit-learn", "1.1.3"), *beside) as index:
        yield index


@pytest.fixture
def user(index: PackageIndex, tmp_path: Path) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "UV_CACHE_DIR": str(tmp_path / "cache"),
        "PIP_CONFIG_FILE": os.devnull,
        "UV_DEFAULT_INDEX": index.url,
    }


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


class Log(list[str]):
    def __call__(self, line: str, severity: Severity) -> None:
        self.append(line if severity is Severity.INFO else f"{severity.value}: {line}")


@pytest.fixture
def log() -> Log:
    return Log()


def runtimes(store: Store, user: dict[str, str], mode: RuntimeMode = RuntimeMode.ANY) -> Runtimes:
    return Runtimes([store.folder], installed_runtime, mode, RequirementsMode.INDEX, environ=user)


async def test_a_runtime_is_made_for_the_first_job_that_requests_it(
    store: Store, user: dict[str, str], log: Log, index: PackageIndex
) -> None:
    wanted = "sklearn1.5" if sys.version_info >= (3, 12) else "sklearn1.1"
    version = {"sklearn1.5": "1.5.2", "sklearn1.1": "1.1.3"}[wanted]
    request = request_for_version("2.11", "3.7", "scikit-learn")
    made = await runtimes(store, user).prepare(request, log)
    assert made.name == wanted
    assert log[0] == f"Runtime version 2.11 with Python 3.7 needs {wanted}, which is made now (0.2 GB to download)."
    assert log[-1] == (
        f"Runtime version 2.11 with Python 3.7: runs in {wanted} (scikit-learn {version}, "
        f"Python {'.'.join(map(str, sys.version_info[:3]))})."
    )
    program = "import scikit_learn, pandas, sys; print(scikit_learn.VERSION, sys.prefix)"
    output = await asyncio.to_thread(subprocess.check_output, [made.interpreter.path, "-c", program], text=True)
    assert output.split() == [version, str(store.folder / f"{wanted}-py{sys.version_info[0]}.{sys.version_info[1]}")]
    assert list(made.site[0].glob("__pycache__/pandas.*.pyc")), "the bytecode is compiled"

    log.clear()
    index.requests.clear()
    assert await runtimes(store, user).prepare(request, log) == made
    assert (len(log), index.requests) == (1, [])


async def test_an_index_that_does_not_answer_is_the_reason_why_a_job_runs_elsewhere_or_fails(
    store: Store, user: dict[str, str], log: Log
) -> None:
    user["UV_DEFAULT_INDEX"] = "http://127.0.0.1:9/simple"
    request = request_for_version("2.11", None, "xgboost")
    made = await runtimes(store, user).prepare(request, log)
    assert made.name == "installed"
    assert log[-1].startswith("WARNING: Runtime version 2.11: runs in installed (")
    assert "cannot be made: the package index http://127.0.0.1:9/simple" in log[-1]
    assert store.entries() == []
    with pytest.raises(FailedPrecondition, match="cannot be made: the package index"):
        await runtimes(store, user, RuntimeMode.MATCH).prepare(request, log)


async def test_an_interpreter_that_does_not_fit_is_refused_in_words(
    store: Store, user: dict[str, str], log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    builder = Builder(store, Uv(user))
    own = f"{sys.version_info[0]}.{sys.version_info[1]}"
    with pytest.raises(InvalidArgument, match=rf"^--python: tf2.8 needs Python 3.7 to 3.10, .* is {own}$"):
        await builder.build(recipe("tf2.8"), log, python=Path(sys.executable))
    # No other interpreter is on the path of this user.
    lonely = Builder(store, Uv(user | {"PATH": "/nowhere", "UV_PYTHON_INSTALL_DIR": str(store.folder)}))
    with pytest.raises(
        FailedPrecondition, match=rf"^tf1.15 needs Python 3.5 to 3.7, this is {own}: add --python PATH$"
    ):
        await lonely.build(recipe("tf1.15"), log)
    assert store.entries() == []


async def test_two_clouds_make_one_runtime(store: Store, user: dict[str, str], log: Log) -> None:
    request = request_for_version("2.11", None, "scikit-learn")
    first, second = await asyncio.gather(*(runtimes(store, user).prepare(request, log) for _ in range(2)))
    assert first == second
    assert len([line for line in log if line.startswith("Making ")]) == 1
    assert any(line.endswith("is being made by another process: waiting for it.") for line in log)


async def test_what_a_killed_process_has_half_built_is_made_anew(
    store: Store, user: dict[str, str], log: Log, index: PackageIndex
) -> None:
    user["UV_DEFAULT_INDEX"], answering = index.url_of("silent"), index.url
    user["UV_HTTP_TIMEOUT"] = "2"
    program = f"""
        import asyncio
        from pathlib import Path
        from cloud.engine.runtimes.builder import Builder
        from cloud.engine.runtimes.recipes import recipe
        from cloud.engine.runtimes.store import Store
        from cloud.engine.runtimes.uv import Uv
        builder = Builder(Store(Path({str(store.folder)!r})), Uv({user!r}))
        asyncio.run(builder.build(recipe("xgboost2.1"), lambda line, severity: None))
    """
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", textwrap.dedent(program))
    await asyncio.to_thread(index.silenced.acquire)
    process.kill()
    await process.wait()
    # uv still runs, and holds the lock: nobody else writes into the folder before it has ended.
    assert [stored.state for stored in store.entries()] == [State.BUILDING]
    user["UV_DEFAULT_INDEX"] = answering
    index.add(wheel("xgboost", "2.1.4"))
    made = await Builder(store, Uv(user)).build(recipe("xgboost2.1"), log)
    assert (made.state, store.ready()) == (State.READY, {"xgboost2.1"})
    assert log[0] == "xgboost2.1 is being made by another process: waiting for it."


async def test_a_job_that_is_cancelled_leaves_nothing(
    store: Store, user: dict[str, str], log: Log, index: PackageIndex
) -> None:
    while index.silenced.acquire(blocking=False):
        pass  # requests of another test
    user["UV_DEFAULT_INDEX"] = index.url_of("silent")
    work = asyncio.create_task(Builder(store, Uv(user)).build(recipe("xgboost2.1"), log))
    await asyncio.to_thread(index.silenced.acquire)
    assert [stored.state for stored in store.entries()] == [State.BUILDING]
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert store.entries() == []
