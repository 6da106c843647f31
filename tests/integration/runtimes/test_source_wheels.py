"""What an index has as source distributions only: built by the real builder in its confinement, and used by uv."""

import asyncio
import os
import socket
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from functools import partial
from pathlib import Path

import pytest
import pytest_asyncio

from cloud.engine.confinement.confiner import Confiner, Means
from cloud.engine.confinement.layers import Layers, probe
from cloud.engine.jobs.packages import PackageInstaller
from cloud.engine.launch.client import Launcher
from cloud.engine.launch.command import Interpreter
from cloud.engine.runtimes import index_client, source_wheels
from cloud.engine.runtimes.requirements import Environment, Requirements
from cloud.engine.runtimes.runtime import Runtime
from cloud.engine.runtimes.source_wheels import SourceWheels
from cloud.resources.log_entries import Severity
from cloud.settings import LauncherKind, RequirementsMode
from integration.package_index import LOGIN, PackageIndex, package_index, sdist, wheel
from integration.runtimes.test_requirements import PYTHON, Jobs, imports, packed

OWN_BACKEND = '[build-system]\nrequires = []\nbuild-backend = "own"\nbackend-path = ["."]\n'
MAKES_NO_WHEEL = """
def build_wheel(folder, *_):
    open(folder + "/no_wheel-1.0-py3-none-any.whl", "w").write("text")
    return "no_wheel-1.0-py3-none-any.whl"
"""
ESCAPES = """
def build_wheel(folder, *_):
    return "/etc/escaping-1.0-py3-none-any.whl"
"""
pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
def index() -> Iterator[PackageIndex]:
    with package_index(
        wheel("data", "1.0", "promised", "fares"),
        wheel("fares", "1.0"),
        wheel("bounded", "1.0", "promised<2"),
        wheel("deep", "1.0", "chain-1"),
        sdist("promised", "1.5"),
        sdist("promised", "2.3", "fares"),
        *(sdist(f"chain-{number}", "1.0", f"chain-{number + 1}") for number in range(1, 4)),
        sdist("chain-4", "1.0", "promised"),
        *(wheel("back", version, *requires) for version, *requires in (("1.0",), ("2.0", "promised"))),
        *(wheel("stuck", version, *requires) for version, *requires in (("1.0",), ("2.0", "promised", "broken"))),
        sdist("older-too", "2.0", "chain-4"),
        sdist("older-too", "1.0", "broken"),
        wheel("pinned", "3.0"),
        sdist("pinned", "1.0"),
        sdist("broken", "1.0", setup="raise SystemExit('needs the compiler of a friend')"),
        wheel("needs-broken", "1.0", "broken"),
        sdist("broken-pin", "1.0", setup="1 / 0"),
        wheel("broken-pin", "2.0"),
        sdist("compiled", "1.0"),
        wheel("compiled", "1.0", tag="cp36-cp36m-win_amd64"),
        sdist("other-name", "1.0", setup="import setuptools\nsetup = lambda **_: setuptools.setup(name='fares')"),
        sdist("no-wheel", "1.0", files={"pyproject.toml": OWN_BACKEND, "own.py": MAKES_NO_WHEEL}),
        sdist("escaping", "1.0", files={"pyproject.toml": OWN_BACKEND, "own.py": ESCAPES}),
        sdist("slow", "1.0", setup="import time; time.sleep(60)"),
        sdist(
            "odd-backend",
            "1.0",
            files={"pyproject.toml": '[build-system]\nrequires = ["absent-backend>=1"]\nbuild-backend = "absent"\n'},
        ),
    ) as index:
        yield index


class SourceJobs(Jobs):
    """Jobs whose requirements are built from source, too."""

    wheels: SourceWheels | None = None

    async def install(
        self, *requires: str, stated: tuple[str, ...] = (), packages: tuple[Path, ...] = ()
    ) -> Environment:
        self.count += 1
        work = self.folder / f"job-{self.count}"
        requirements = Requirements(
            self.store, self.mode, environ=self.environ, lenient=self.lenient, wheels=self.wheels
        )
        return await requirements.install(
            self.runtime,
            packages,
            (*requires, *stated),
            work=work,
            log=lambda line, severity: self.lines.append((line, severity)),
        )

    @property
    def runtime(self) -> Runtime:
        return Runtime("base", "a base", Interpreter(Path(sys.executable)), (self.folder / "site",))

    @property
    def built(self) -> list[str]:
        return sorted(path.name for path in (self.folder / "wheels").glob("*/*.whl"))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def launcher() -> AsyncIterator[Launcher]:
    launcher = Launcher(LauncherKind.COLD)
    yield launcher
    await launcher.close()


@pytest.fixture
def jobs(index: PackageIndex, launcher: Launcher, tmp_path: Path) -> SourceJobs:
    async def layers() -> Layers:
        return await asyncio.to_thread(probe)

    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "UV_CACHE_DIR": str(tmp_path / "cache"),
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_INDEX_URL": index.url,
    }
    jobs = SourceJobs(tmp_path, environ)
    installer = PackageInstaller(launcher, tmp_path / "packages", Confiner(Means(layers, launcher)))
    build = partial(installer.build, environ={"PATH": os.environ["PATH"]})
    jobs.wheels = SourceWheels([tmp_path / "wheels"], build)
    return jobs


def asked(index: PackageIndex, before: int) -> list[str]:
    return [line.split()[1] for line in index.requests[before:] if line.split()[1].endswith(".tar.gz")]


async def test_a_dependency_is_built_once_and_used_by_later_jobs_without_asking(
    jobs: SourceJobs, index: PackageIndex
) -> None:
    before = len(index.requests)

    assert imports(await jobs.install("data"), "data", "promised", "fares") == ["1.0", "2.3", "1.0"]
    assert asked(index, before) == ["/simple/promised-2.3.tar.gz"]
    assert jobs.built == ["promised-2.3-py3-none-any.whl"]
    lines = ["Downloading promised-2.3.tar.gz", "Building wheel for promised (setup.py)", "Successfully built promised"]
    assert [line for line in jobs.log if line in lines] == lines
    assert "Successfully installed data-1.0 fares-1.0 promised-2.3" in jobs.log

    before = len(index.requests)
    assert imports(await jobs.install("promised", "fares"), "promised") == ["2.3"]
    jobs.mode = RequirementsMode.OFFLINE
    assert imports(await jobs.install("data", "promised>=2"), "data", "promised") == ["1.0", "2.3"]
    assert asked(index, before) == []


async def test_the_newest_version_that_is_allowed(jobs: SourceJobs) -> None:
    assert imports(await jobs.install("bounded"), "promised") == ["1.5"]


async def test_one_after_the_other(jobs: SourceJobs) -> None:
    assert imports(await jobs.install("deep"), "chain_4", "promised") == ["1.0", "2.3"]
    assert len(jobs.built) == 5


async def test_no_older_release_is_taken_of_what_needs_a_build(jobs: SourceJobs) -> None:
    assert imports(await jobs.install("back"), "back", "promised") == ["2.0", "2.3"]


async def test_an_older_release_is_taken_with_a_warning_where_a_build_fails(jobs: SourceJobs) -> None:
    assert imports(await jobs.install("stuck"), "stuck") == ["1.0"]
    assert "stuck==2.0 needs what has no wheel and cannot be built here; 1.0 is used. broken-1.0.tar.gz cannot be" in (
        "\n".join(line for line, severity in jobs.lines if severity is Severity.WARNING)
    )


async def test_what_a_build_lacks_comes_before_older_versions_of_it(jobs: SourceJobs) -> None:
    assert imports(await jobs.install("older-too"), "older_too", "chain_4") == ["2.0", "1.0"]
    assert len(jobs.built) == 3


@pytest.mark.parametrize("lenient", [False, True])
async def test_a_pin_is_built_exactly(jobs: SourceJobs, lenient: bool) -> None:
    jobs.lenient = lenient

    assert imports(await jobs.install("pinned==1.0", "fares"), "pinned") == ["1.0"]
    assert [line for line, severity in jobs.lines if severity is Severity.WARNING] == []


@pytest.mark.parametrize("lenient", [False, True])
async def test_a_pin_of_what_the_runtime_has_gives_way_if_it_may(jobs: SourceJobs, lenient: bool) -> None:
    """The runtime stands for another then, to whose versions the pin belongs (``gast==0.2.2`` of TensorFlow 1)."""
    jobs.lenient = lenient
    packed(jobs.folder / "site", "pinned", "2.0")

    await jobs.install("pinned==1.0", "data")

    promised = "promised-2.3-py3-none-any.whl"
    assert jobs.built == ([promised] if lenient else ["pinned-1.0-py3-none-any.whl", promised])
    assert (f"pinned==1.0 has no wheel for Python {PYTHON}; 2.0 is used." in jobs.log) == lenient


async def test_a_pin_that_cannot_be_built_gives_way_and_others_are_built(jobs: SourceJobs) -> None:
    jobs.lenient = True

    assert imports(await jobs.install("broken-pin==1.0", "data"), "broken_pin", "promised") == ["2.0", "2.3"]
    (warning,) = [line for line in jobs.log if "is used." in line]
    assert warning.startswith(f"broken-pin==1.0 has no wheel for Python {PYTHON}; 2.0 is used. broken_pin-1.0.tar.gz")


@pytest.mark.parametrize(
    ("requirement", "words"),
    [
        ("needs-broken", ["which needs broken", "make its wheel with `pip wheel", "needs the compiler of a friend"]),
        ("broken", ["its source cannot be built here", "needs the compiler of a friend"]),
        ("broken-pin==1.0", ["the nearest is 2.0", "ZeroDivisionError"]),
        ("odd-backend", ["its build requires absent-backend>=1, which is not installed here"]),
        ("compiled", ["compiled-1.0.tar.gz is compiled"]),
        ("no-wheel", ["no_wheel-1.0-py3-none-any.whl"]),
        ("escaping", ["its build makes no wheel"]),
        ("other-name", ["which is not other-name 1.0"]),
    ],
)
async def test_what_cannot_be_built(jobs: SourceJobs, requirement: str, words: list[str]) -> None:
    message = await jobs.refused(requirement)

    assert [word for word in words if word not in message] == [], message
    assert jobs.built == []
    assert list(jobs.store.glob("*")) == []


async def test_a_build_that_takes_too_long(jobs: SourceJobs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source_wheels, "BUILD_SECONDS", 1.0)

    assert "its build took longer than 1 seconds" in await jobs.refused("slow")


async def test_a_file_that_is_too_large(jobs: SourceJobs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_client, "MAX_BYTES", 100)

    assert "promised-2.3.tar.gz is larger than" in await jobs.refused("promised")


async def test_another_hash_than_the_index_says(jobs: SourceJobs, index: PackageIndex) -> None:
    jobs.environ["PIP_INDEX_URL"] = index.url_of("other-hash")

    message = await jobs.refused("promised")

    assert "promised-2.3.tar.gz with another hash than it says" in message
    assert "Building wheel for promised (setup.py)" not in jobs.log


async def test_an_index_with_a_login(jobs: SourceJobs, index: PackageIndex) -> None:
    jobs.environ["PIP_INDEX_URL"] = index.url_of("private", LOGIN)

    assert imports(await jobs.install("promised"), "promised") == ["2.3"]
    assert "s3cret" not in "".join(jobs.log)


@pytest.mark.parametrize("mode", [RequirementsMode.OFFLINE, RequirementsMode.INSTALLED])
async def test_without_the_index_nothing_is_downloaded(
    jobs: SourceJobs, index: PackageIndex, mode: RequirementsMode
) -> None:
    jobs.mode, before = mode, len(index.requests)

    await jobs.refused("promised")

    assert len(index.requests) == before


async def test_two_clouds_at_once(jobs: SourceJobs) -> None:
    environments = await asyncio.gather(*(jobs.install("data") for _ in range(2)))

    assert imports(environments[0], "promised") == ["2.3"]
    assert [path.name for path in (jobs.folder / "wheels").iterdir() if path.name.startswith(".")] == []
    assert jobs.built == ["promised-2.3-py3-none-any.whl"]


async def test_a_setup_that_reads_writes_and_calls(jobs: SourceJobs, index: PackageIndex) -> None:
    """Each attempt is one of a build that goes on, and says what it could do."""
    if not (held := await asyncio.to_thread(probe)).files.is_held:
        pytest.skip("this machine cannot confine files")
    secret, outside, calls = jobs.folder / "secret.txt", jobs.folder / "outside.txt", []
    secret.write_text("top secret")
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=lambda: calls.append(server.accept()), daemon=True).start()
        attempts = {
            "read": f"open({str(secret)!r}).read()",
            "write": f"open({str(outside)!r}, 'w').write('x')",
            "call": f"__import__('socket').create_connection({server.getsockname()!r}, 3)",
        }
        setup = "done = []\n" + "".join(
            f"try:\n    {text}\n    done.append({name!r})\nexcept OSError: pass\n" for name, text in attempts.items()
        )
        index.add(sdist("nosy", "1.0", setup=f"{setup}open('nosy.py', 'w').write(f'VERSION = {{done!r}}')"))

        (done,) = imports(await jobs.install("nosy"), "nosy")

    assert done == ("[]" if held.network.is_held else "['call']")
    assert not outside.exists()
    assert len(calls) == (0 if held.network.is_held else 1)
