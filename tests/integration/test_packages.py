"""Packages from an archive to a running module."""

import asyncio
import io
import os
import signal
import sys
import tarfile
import zipfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import pytest
import pytest_asyncio

from cloud.backends import packaging
from cloud.engine.jobs.packages import PackageInstaller
from cloud.engine.launch.client import Command, Interpreter, Launcher, OutputLine
from cloud.engine.runtimes.runtime import building
from cloud.errors import FailedPrecondition
from cloud.settings import LauncherKind

pytestmark = pytest.mark.asyncio(loop_scope="module")
ENVIRON = {"PATH": os.environ["PATH"]}
JOBS = Interpreter(preload=("json",))
KINDS = [LauncherKind.COLD, *([LauncherKind.WARM] if sys.platform == "linux" else [])]


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=KINDS)
async def launcher(request: pytest.FixtureRequest) -> AsyncIterator[Launcher]:
    launcher = Launcher(request.param)
    await launcher.ready(building(JOBS))
    yield launcher
    await launcher.close()


@pytest.fixture
def lines() -> list[OutputLine]:
    return []


@pytest.fixture
def install(launcher: Launcher, tmp_path: Path, lines: list[OutputLine]) -> Callable[[Path], Awaitable[Path]]:
    installer = PackageInstaller(launcher, tmp_path / "cache")
    work = tmp_path / "work"
    work.mkdir()

    async def install(archive: Path) -> Path:
        return await installer.install(archive, work=work, environ=ENVIRON, on_output=lines.append, interpreter=JOBS)

    return install


Install = Callable[[Path], Awaitable[Path]]


def tree(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def sdist(path: Path, files: dict[str, str]) -> Path:
    top = path.name.removesuffix(".tar.gz")
    with tarfile.open(path, "w:gz") as archive:
        for name, text in files.items():
            info = tarfile.TarInfo(f"{top}/{name}")
            info.size = len(text.encode())
            archive.addfile(info, io.BytesIO(text.encode()))
    return path


async def run(launcher: Launcher, module: str, *folders: Path) -> list[str]:
    output: list[str] = []
    command = Command(module, (), ENVIRON, folders[0], folders, JOBS)
    status = await (await launcher.launch(command, lambda line: output.append(line.text))).wait()
    assert status.ok, output
    return output


SETUP = "from setuptools import setup\nsetup(name='trainer', version='0.0.0', packages=['trainer'])\n"


def trainer(path: Path, task: str, setup: str = SETUP, **files: str) -> Path:
    return sdist(path, {"setup.py": setup, "trainer/__init__.py": "", "trainer/task.py": task, **files})


async def test_sdist_runs_and_runs_again_from_the_cache(
    launcher: Launcher, install: Install, tmp_path: Path, lines: list[OutputLine]
) -> None:
    tree(tmp_path, {"lab/trainer/__init__.py": "", "lab/trainer/task.py": "print('hi from', __name__)"})
    async with packaging.sdist(tmp_path / "lab/trainer") as archive:
        first = await install(archive)
    assert await run(launcher, "trainer.task", first) == ["hi from __main__"]
    assert [line.text for line in lines] == [
        "Processing ./trainer-0.0.0.tar.gz",
        "Successfully installed trainer-0.0.0",
    ]
    cached = list((tmp_path / "cache").iterdir())
    (first / "trainer/task.py").write_text("print('changed by the job')")

    # Another archive of the same files: its bytes differ, because they include times.
    os.utime(tmp_path / "lab/trainer/task.py", (1, 1))
    async with packaging.sdist(tmp_path / "lab/trainer") as archive:
        second = await install(archive)

    assert await run(launcher, "trainer.task", second) == ["hi from __main__"]
    assert list((tmp_path / "cache").iterdir()) == cached
    assert len(cached) == 1
    assert [path.name for path in (tmp_path / "work").iterdir() if path.name.startswith("build-")] == []


async def test_a_zip_as_setup_py_makes_it_on_windows(launcher: Launcher, install: Install, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "trainer-0.0.0.zip", "w") as archive:
        for name, text in {"setup.py": SETUP, "trainer/__init__.py": "", "trainer/task.py": "print('zip')"}.items():
            archive.writestr(f"trainer-0.0.0/{name}", text)

    for _ in range(2):
        assert await run(launcher, "trainer.task", await install(tmp_path / "trainer-0.0.0.zip")) == ["zip"]
    assert len(list((tmp_path / "cache").iterdir())) == 1


async def test_a_cached_package_is_not_built_again(install: Install, tmp_path: Path) -> None:
    counter = tmp_path / "built"
    setup = f"open({str(counter)!r}, 'a').write('x')\n{SETUP}"
    archive = trainer(tmp_path / "trainer-0.0.0.tar.gz", "", setup)

    await install(archive)
    times = len(counter.read_text())
    await install(archive)

    assert len(counter.read_text()) == times


@pytest.mark.parametrize(
    "damage", [lambda data: b"", lambda data: data[: len(data) // 2], lambda data: b"\0" * 50 + data[50:]]
)
async def test_damaged_cache_entry_is_not_used(
    launcher: Launcher, install: Install, tmp_path: Path, damage: Callable[[bytes], bytes]
) -> None:
    archive = trainer(tmp_path / "trainer-0.0.0.tar.gz", "print('whole')")
    await install(archive)
    (cached,) = (tmp_path / "cache").iterdir()
    cached.write_bytes(damage(cached.read_bytes()))

    assert await run(launcher, "trainer.task", await install(archive)) == ["whole"]

    cached.write_bytes(cached.read_bytes())
    assert zipfile.ZipFile(cached).testzip() is None


async def test_concurrent_installations_of_the_same_package(
    launcher: Launcher, install: Install, tmp_path: Path
) -> None:
    archive = trainer(tmp_path / "trainer-0.0.0.tar.gz", "print('fine')")

    folders = await asyncio.gather(*(install(archive) for _ in range(4)))

    assert len(set(folders)) == 4
    for folder in folders:
        assert await run(launcher, "trainer.task", folder) == ["fine"]
    assert len(list((tmp_path / "cache").iterdir())) == 1


async def test_a_changed_module_is_another_package(launcher: Launcher, install: Install, tmp_path: Path) -> None:
    for text in ("one", "two"):
        archive = trainer(tmp_path / "trainer-0.0.0.tar.gz", f"print('{text}')")
        assert await run(launcher, "trainer.task", await install(archive)) == [text]


async def test_data_files_and_metadata(launcher: Launcher, install: Install, tmp_path: Path) -> None:
    setup = SETUP.replace("packages=", "package_data={'trainer': ['*.csv']}, data_files=[('etc', ['c'])], packages=")
    task = """
import importlib.metadata, importlib.resources, pathlib
print((importlib.resources.files('trainer') / 'rates.csv').read_text())
print(importlib.metadata.version('trainer'), (pathlib.Path(__file__).parents[1] / 'etc/c').read_text())
"""
    archive = trainer(tmp_path / "trainer-0.0.0.tar.gz", task, setup, **{"trainer/rates.csv": "2.5", "c": "settings"})

    assert await run(launcher, "trainer.task", await install(archive)) == ["2.5", "0.0.0 settings"]


async def test_other_backends(launcher: Launcher, install: Install, tmp_path: Path) -> None:
    # A backend within the source distribution itself (PEP 517, "in-tree build backends").
    backend = """
import zipfile
def build_wheel(folder, settings, metadata):
    with zipfile.ZipFile(folder + "/own-2-py3-none-any.whl", "w") as wheel:
        wheel.writestr("own/task.py", "print('own')")
        wheel.writestr("own-2.dist-info/WHEEL", "Wheel-Version: 1.0\\nTag: py3-none-any\\n")
        wheel.writestr("own-2.dist-info/METADATA", "Metadata-Version: 2.1\\nName: own\\nVersion: 2\\n")
    return "own-2-py3-none-any.whl"
"""
    system = "[build-system]\nrequires = []\nbuild-backend = 'backend'\nbackend-path = ['in_tree']\n"
    archive = sdist(tmp_path / "own-2.tar.gz", {"pyproject.toml": system, "in_tree/backend.py": backend})

    assert await run(launcher, "own.task", await install(archive)) == ["own"]


async def test_pyproject_only(launcher: Launcher, install: Install, tmp_path: Path, lines: list[OutputLine]) -> None:
    project = "[build-system]\nrequires = ['setuptools<50', 'wheel']\nbuild-backend = 'setuptools.build_meta'\n"
    project += "[project]\nname = 'fares'\nversion = '3'\n[tool.setuptools]\npackages = ['fares']\n"
    archive = sdist(tmp_path / "fares-3.tar.gz", {"pyproject.toml": project, "fares/task.py": "print('fares')"})

    assert await run(launcher, "fares.task", await install(archive)) == ["fares"]
    assert lines[-1].text == "Successfully installed fares-3"


async def test_missing_build_requirement(install: Install, tmp_path: Path) -> None:
    project = "[build-system]\nrequires = ['absent-backend>=3']\nbuild-backend = 'absent'\n"

    with pytest.raises(FailedPrecondition, match="its build requires absent-backend>=3, which is not installed here"):
        await install(sdist(tmp_path / "p-1.tar.gz", {"pyproject.toml": project}))


@pytest.mark.parametrize(
    ("setup", "output"),
    [
        ("raise ValueError('no version file')", "ValueError: no version file"),
        ("import absent_module", "No module named 'absent_module'"),
        ("import os; os.kill(os.getpid(), 9)", "was killed by signal 9 (SIGKILL)"),
        ("import sys; sys.exit(5)", "exited with status 5"),
    ],
)
async def test_build_that_fails(install: Install, tmp_path: Path, setup: str, output: str) -> None:
    with pytest.raises(FailedPrecondition) as failure:
        await install(sdist(tmp_path / "p-1.tar.gz", {"setup.py": setup}))

    assert failure.value.field == "training_input.package_uris"
    assert failure.value.message.startswith("p-1.tar.gz cannot be built")
    assert output in failure.value.message
    assert not (tmp_path / "cache").exists()


async def test_setup_py_cannot_import_this_projects_modules(install: Install, tmp_path: Path) -> None:
    probe = tmp_path / "probe"
    setup = f"""
import os, sys, importlib.util
found = [name for name in ("build_wheel", "cloud", "pep517") if importlib.util.find_spec(name)]
open({str(probe)!r}, "w").write(repr((found, os.environ.get("PYTHONPATH"), os.path.basename(os.getcwd()))))
"""
    await install(trainer(tmp_path / "trainer-0.0.0.tar.gz", "", setup + SETUP))

    found, path, cwd = eval(probe.read_text())  # noqa: S307 - written by the line above
    assert set(found) <= {"cloud"}, "only what is installed, as this project itself may be"
    assert (path, cwd) == (None, "trainer-0.0.0")


@pytest.mark.parametrize("name", ["trainer-0.0.0.tar.bz2", "trainer-0.0.0.egg", "trainer.py"])
async def test_other_kinds_of_archives(install: Install, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"")

    with pytest.raises(FailedPrecondition, match="a package is a"):
        await install(tmp_path / name)


async def test_modules_of_a_wheel_are_imported_by_another_package(
    launcher: Launcher, install: Install, tmp_path: Path
) -> None:
    setup = SETUP.replace("packages=", "install_requires=['fare-tables>=2', 'pytest'], packages=")
    task = "import fare_tables; print(fare_tables.rate)"
    mine = await install(trainer(tmp_path / "trainer-0.0.0.tar.gz", task, setup))
    wheel = tmp_path / "fare_tables-2.1-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("fare_tables.py", "rate = 2.5")
        archive.writestr("fare_tables-2.1.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr(
            "fare_tables-2.1.dist-info/METADATA", "Metadata-Version: 2.1\nName: fare-tables\nVersion: 2.1\n"
        )

    tables = await install(wheel)

    assert await run(launcher, "trainer.task", mine, tables) == ["2.5"]


async def test_cancelled_installation_leaves_no_process(install: Install, tmp_path: Path) -> None:
    pipe = tmp_path / "pid"
    os.mkfifo(pipe)
    setup = f"import os; open({str(pipe)!r}, 'w').write(str(os.getpid())); import time; time.sleep(600)"
    task = asyncio.ensure_future(install(sdist(tmp_path / "p-1.tar.gz", {"setup.py": setup})))
    pid = int(await asyncio.to_thread(pipe.read_text))

    task.cancel()
    with suppress(asyncio.CancelledError):
        await task

    with pytest.raises(ProcessLookupError):
        os.kill(pid, signal.SIG_DFL)
