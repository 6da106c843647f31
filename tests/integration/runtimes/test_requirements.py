"""What a job's packages require, installed as layers by the real uv from a real index on loopback."""

import asyncio
import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from cloud.engine.launch.command import Interpreter
from cloud.engine.runtimes.requirements import Environment, Requirements
from cloud.engine.runtimes.runtime import Runtime
from cloud.errors import CloudError, FailedPrecondition
from cloud.resources.log_entries import Severity
from cloud.settings import RequirementsMode
from integration.package_index import LOGIN, PackageIndex, package_index, wheel

PYTHON = f"{sys.version_info[0]}.{sys.version_info[1]}"


@pytest.fixture(scope="module")
def index() -> Iterator[PackageIndex]:
    with package_index(
        *(wheel(name, version) for name in ("fares", "base-lib") for version in ("1.0", "2.0")),
        wheel("rides", "1.0", "fares>=1.5", "base-lib", "extras-lib; extra == 'more'"),
        wheel("extras-lib", "1.0"),
        *(wheel(name, "1.0", tag="cp36-cp36m-win_amd64") for name in ("old-only", "windows-only")),
        *(
            wheel(name, version, tag="cp37-cp37m-manylinux1_x86_64")
            for name, version in (("old-only", "1.5"), ("base-lib", "0.5"))
        ),
        wheel("old-only", "2.0", "base-lib<2"),
        wheel("needs-old-fares", "1.0", "fares<2"),
        *(wheel("on-base", version, requires) for version, requires in (("1.0", "base-lib"), ("2.0", "base-lib>=2"))),
        wheel("on-new-base", "1.0", "base-lib>=2"),
        *(wheel("numpy", version) for version in ("1.26", "2.1")),
        wheel("six", "9.0"),
        *(wheel("tensorflow-metadata", version) for version in ("1.15", "1.16")),
        wheel("datasets", "1.0", "tensorflow-metadata"),
        *(wheel("plots", version, requires) for version, requires in (("1.0", "numpy>=1.20"), ("2.0", "numpy>=2"))),
        wheel("new-plots", "1.0", "numpy>=1.26"),
        wheel("newest-plots", "1.0", "numpy>=2"),
        *(wheel("tensorflow", version) for version in ("2.15.1", "2.21")),
        *(
            wheel("hub", version, requires)
            for version, requires in (("0.1", "tensorflow"), ("0.2", "tensorflow>=2.20"))
        ),
        wheel("built-for-1", "1.0", "numpy>=1.20", files={"built_1/_c.so": "\0numpy.core._multiarray_umath\0"}),
        wheel("built-for-2", files={"built_2/_c.so": "\0numpy._core._multiarray_umath\0numpy.core._multiarray_umath"}),
    ) as index:
        yield index


def packed(folder: Path, name: str, version: str, *requires: str) -> Path:
    """An installed package of the job."""
    info = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True)
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    (info / "METADATA").write_text("\n".join([*lines, *(f"Requires-Dist: {text}" for text in requires), "", ""]))
    return folder


@dataclass
class Jobs:
    """Installs requirements for jobs of one user."""

    folder: Path
    environ: dict[str, str]
    lines: list[tuple[str, Severity]] = field(default_factory=list)
    mode: RequirementsMode = RequirementsMode.INDEX
    lenient: bool = False
    count: int = 0
    name: str = "base"

    @property
    def store(self) -> Path:
        return self.folder / "layers"

    @property
    def log(self) -> list[str]:
        return [line for line, _ in self.lines]

    @property
    def runtime(self) -> Runtime:
        return Runtime(self.name, "a base", Interpreter(Path(sys.executable), ("json",)), (self.folder / "site",))

    async def install(
        self, *requires: str, stated: tuple[str, ...] = (), packages: tuple[Path, ...] = ()
    ) -> Environment:
        self.count += 1
        work = self.folder / f"job-{self.count}"
        packages = (packed(work / "trainer", "trainer", "0.1", *requires), *packages)
        requirements = Requirements(self.store, self.mode, environ=self.environ, lenient=self.lenient)
        return await requirements.install(
            self.runtime, packages, stated, work=work, log=lambda line, severity: self.lines.append((line, severity))
        )

    async def refused(self, *requires: str, stated: tuple[str, ...] = ()) -> str:
        with pytest.raises(CloudError) as failure:
            await self.install(*requires, stated=stated)
        return str(failure.value)


@pytest.fixture
def jobs(index: PackageIndex, tmp_path: Path) -> Jobs:
    packed(tmp_path / "site", "base-lib", "1.0", "fares")
    (tmp_path / "site/base_lib.py").write_text("VERSION = '1.0'")
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "UV_CACHE_DIR": str(tmp_path / "cache"),
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_INDEX_URL": index.url,
    }
    return Jobs(tmp_path, environ)


def imports(environment: Environment, *modules: str) -> list[str]:
    """The versions of ``modules`` in that environment."""
    program = f"import {', '.join(modules)}; print({', '.join(f'{name}.VERSION' for name in modules)})"
    return run(environment, "-c", program)


def run(environment: Environment, *argv: str) -> list[str]:
    path = os.pathsep.join(map(str, environment.import_path))
    command = [environment.interpreter.path, *argv]
    done = subprocess.run(command, env={"PYTHONPATH": path}, capture_output=True, text=True)
    return done.stdout.split() or [done.stderr]


async def test_what_the_runtime_has_needs_nothing(jobs: Jobs, index: PackageIndex) -> None:
    before = len(index.requests)
    jobs.environ["PATH"] = "/nowhere"

    environment = await jobs.install("base-lib>=1", "absent; python_version < '3'", "trainer")

    assert environment == Environment(jobs.runtime.interpreter, ())
    assert len(index.requests) == before
    assert not jobs.store.exists()
    assert jobs.log == [
        f"Requirement already satisfied: base-lib>=1 in {jobs.folder / 'site'} (from trainer==0.1) (1.0)",
        f"Requirement already satisfied: trainer in {jobs.folder / 'job-1/trainer'} (from trainer==0.1) (0.1)",
    ]


async def test_what_is_missing_becomes_a_layer_and_a_known_one_needs_neither_index_nor_uv(
    jobs: Jobs, index: PackageIndex
) -> None:
    first = await jobs.install("rides")

    assert imports(first, "rides", "fares") == ["1.0", "2.0"]
    assert first.interpreter.preload, "nothing of the runtime is replaced, so that it starts warm"
    assert not any((folder / "base_lib.py").exists() for folder in first.import_path), "the runtime has it"
    assert "Collecting rides (from trainer==0.1)" in jobs.log
    assert "Successfully installed fares-2.0 rides-1.0" in jobs.log

    before, jobs.environ["PATH"] = len(index.requests), "/nowhere"
    start = time.perf_counter()
    second = await jobs.install("rides")
    assert time.perf_counter() - start < 0.1
    assert second == first
    assert len(index.requests) == before


async def test_the_index_is_asked_only_for_what_is_not_cached(jobs: Jobs, index: PackageIndex) -> None:
    await jobs.install("fares")
    shutil.rmtree(jobs.store)
    before = len(index.requests)

    assert imports(await jobs.install("fares"), "fares") == ["2.0"]
    assert len(index.requests) == before


async def test_extras(jobs: Jobs) -> None:
    assert imports(await jobs.install("rides[more]"), "rides", "extras_lib") == ["1.0", "1.0"]


async def test_stated_requirements(jobs: Jobs) -> None:
    assert imports(await jobs.install(stated=("fares==1.0",)), "fares") == ["1.0"]
    assert "Collecting fares==1.0" in jobs.log


async def test_a_pin_that_contradicts_the_runtime_is_installed_and_starts_cold(jobs: Jobs) -> None:
    environment = await jobs.install("base-lib==2.0")

    assert imports(environment, "base_lib") == ["2.0"]
    assert environment.interpreter.preload == ()
    assert "The requirements replace base-lib==1.0: started cold." in jobs.log


async def test_a_module_that_is_preloaded_under_another_distributions_name_starts_cold(
    jobs: Jobs, index: PackageIndex
) -> None:
    index.add(wheel("json", "1.0"))

    assert (await jobs.install("json")).interpreter.preload == ()


async def test_packages_satisfy_each_other_in_any_order(jobs: Jobs, index: PackageIndex) -> None:
    before = len(index.requests)
    tables = packed(jobs.folder / "tables", "Fare_Tables", "2.0", "trainer>=0.1")

    environment = await jobs.install("fare-tables>=2", packages=(tables,))

    assert environment.import_path == ()
    assert len(index.requests) == before


async def test_a_package_of_the_job_satisfies_what_a_dependency_requires(jobs: Jobs, index: PackageIndex) -> None:
    index.add(wheel("uses-local", "1.0", "local-only>=2"))
    local = packed(jobs.folder / "local", "local-only", "2.0")

    assert imports(await jobs.install("uses-local", packages=(local,)), "uses_local") == ["1.0"]


async def test_three_hundred_requirements(jobs: Jobs) -> None:
    wheels = jobs.folder / "wheels"
    wheels.mkdir()
    for name, content in (wheel(f"many-{number}") for number in range(300)):
        (wheels / name).write_bytes(content)
    jobs.environ["PIP_FIND_LINKS"] = str(wheels)
    environment = await jobs.install(*(f"many-{number}" for number in range(300)))

    assert imports(environment, "many_0", "many_299") == ["1.0", "1.0"]


async def test_two_clouds_at_once(jobs: Jobs) -> None:
    environments = await asyncio.gather(*(jobs.install("fares") for _ in range(3)))

    assert len({environment.import_path for environment in environments}) == 1
    assert len(list(jobs.store.iterdir())) == 1
    assert imports(environments[0], "fares") == ["2.0"]


async def test_what_a_killed_process_left_is_removed_and_a_damaged_layer_is_built_again(jobs: Jobs) -> None:
    leftover = jobs.store / "omlc-layer-0dead000"
    (leftover / "packages").mkdir(parents=True)
    first = await jobs.install("fares")
    assert not leftover.exists()
    (layer,) = jobs.store.iterdir()
    (layer / "layer.json").write_text("{")

    assert await jobs.install("fares") == first
    assert json.loads((layer / "layer.json").read_text())["installed"] == ["fares==2.0"]


async def test_wheelhouse_offline(jobs: Jobs, index: PackageIndex) -> None:
    jobs.mode = RequirementsMode.OFFLINE
    jobs.environ["PIP_FIND_LINKS"] = str(index.write(jobs.folder / "wheels"))
    before = len(index.requests)

    assert imports(await jobs.install("rides"), "fares") == ["2.0"]
    assert len(index.requests) == before


async def test_a_wheel_by_its_url(jobs: Jobs, index: PackageIndex) -> None:
    url = f"{index.url}/fares-1.0-py3-none-any.whl"

    assert imports(await jobs.install(f"fares @ {url}"), "fares") == ["1.0"]


@pytest.mark.parametrize(
    ("requirement", "words"),
    [
        ("not a requirement", "trainer 0.1 requires 'not a requirement', which cannot be read"),
        ("-e .", "trainer 0.1 requires '-e .', which cannot be read"),
        (
            "fares @ git+https://user:pw@host/fares",
            "'fares @ git+https://****@host/fares': of URLs only those of wheels",
        ),
        ("fares @ file:///tmp/fares-1.0-py3-none-any.whl", "of URLs only those of wheels over http"),
        ("fares @ https://host/fares-1.0.tar.gz", "nothing is built from source but the job's own packages"),
        (
            "fares==3",
            "trainer 0.1 requires fares==3, a version that the package index does not have; the nearest is 2.0",
        ),
        ("fares>2,<3", "requires fares<3,>2, a version that the package index does not have; the nearest is 2.0"),
        (
            "old-only==1.5",
            f"requires old-only==1.5, but old-only==1.5 has no wheel for Python {PYTHON}; the nearest is 2.0",
        ),
        ("windows-only", f"windows-only has no wheel for Python {PYTHON}, and dependencies are not built from source"),
        ("absent", "trainer 0.1 requires absent, which the package index does not have: correct the name"),
    ],
)
async def test_what_cannot_be_installed(jobs: Jobs, requirement: str, words: str) -> None:
    message = await jobs.refused(requirement)

    assert message.startswith("training_input.package_uris: ")
    assert words in message
    assert list(jobs.store.glob("*")) == []


async def test_what_is_met_stays_so_where_it_can(jobs: Jobs) -> None:
    """pip would take the older release, too: it reads both requirements at once."""
    environment = await jobs.install("base-lib<2", "on-base")
    assert imports(environment, "on_base") == ["1.0"]
    assert not list(environment.import_path[0].glob("base_lib*")), "that of the runtime"

    environment = await jobs.install("base-lib>=1", "on-base", "on-new-base")
    assert imports(environment, "on_base", "base_lib") == ["2.0", "2.0"]


async def test_requirements_that_contradict_each_other(jobs: Jobs) -> None:
    message = await jobs.refused("fares==2.0", "needs-old-fares")

    assert "trainer 0.1 requires fares==2.0; trainer 0.1 requires needs-old-fares, which cannot be installed" in message


async def test_what_this_program_has_and_hides_from_jobs_is_linked_without_uv(jobs: Jobs, index: PackageIndex) -> None:
    jobs.environ["PATH"], jobs.mode = "/nowhere", RequirementsMode.OFFLINE
    jobs.name = "installed"
    before = len(index.requests)

    environment = await jobs.install("requests", "google-auth>=1")

    program = "import requests, google.auth, importlib.metadata; print(importlib.metadata.version('requests'))"
    # Without this program's own packages.
    assert run(environment, "-S", "-c", program) == [importlib.metadata.version("requests")]
    assert environment.interpreter.preload
    assert any(line.startswith("Requirement already satisfied: requests in") for line in jobs.log)
    assert len(index.requests) == before
    assert not jobs.store.exists()
    with pytest.raises(FailedPrecondition, match="neither installed nor cached"):
        await jobs.install("requests<1")


async def test_not_cached_offline(jobs: Jobs) -> None:
    jobs.mode = RequirementsMode.OFFLINE

    assert (
        "trainer 0.1 requires fares==2.0, neither installed nor cached: python -m cloud.runtimes fetch fares==2.0, "
        "--requirements index, or its wheel in a folder that PIP_FIND_LINKS names"
    ) in await jobs.refused("fares==2.0")


async def test_installed_only(jobs: Jobs) -> None:
    jobs.mode = RequirementsMode.INSTALLED

    message = await jobs.refused("fares", "base-lib>=2")

    assert "trainer 0.1 requires fares, which is not installed" in message
    assert "trainer 0.1 requires base-lib>=2, but 1.0 is installed" in message
    assert "--requirements installed" in message


async def test_without_uv(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uv", None)
    jobs.environ["PATH"] = "/nowhere"

    message = await jobs.refused("fares")

    assert "which is not installed: uv is not installed: pip install 'offline-ml-cloud[runtimes]'" in message


@pytest.mark.parametrize(
    ("behaviour", "words"),
    [
        ("silent", "does not answer"),
        ("refusing", "refuses the credentials"),
        ("other-hash", "with another hash than it says"),
    ],
)
async def test_an_index_that_misbehaves(jobs: Jobs, index: PackageIndex, behaviour: str, words: str) -> None:
    jobs.environ["PIP_INDEX_URL"] = index.url_of(behaviour, LOGIN)

    message = await jobs.refused("fares")

    assert "trainer 0.1 requires fares: the package index" in message
    assert words in message
    assert "s3cret" not in message + "".join(jobs.log)


async def test_store_that_cannot_be_written(jobs: Jobs) -> None:
    jobs.store.write_text("a file")

    message = await jobs.refused("fares")

    assert f"the store of runtimes {jobs.store}" in message
    assert "CLOUD_RUNTIMES" in message


async def test_runtime_whose_interpreter_has_gone(jobs: Jobs) -> None:
    runtime = Runtime("base", "a base", Interpreter(jobs.folder / "gone/python"), ())
    requirements = Requirements(jobs.store, jobs.mode, environ=jobs.environ)

    with pytest.raises(FailedPrecondition, match="gone/python has gone: make the runtime again"):
        await requirements.install(runtime, (), (), work=jobs.folder, log=lambda *_: None)
