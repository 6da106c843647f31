"""``python -m build``: the contents of the source distribution and the wheel."""

import configparser
import email
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
FOLDERS = ("benchmarks", "cloud", "docker", "docs", "lab", "tests", "trainer")
DROPPINGS = ("__pycache__", "*.pyc")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with both; the wheel is built from the source distribution."""
    tree, built = tmp_path_factory.mktemp("tree"), tmp_path_factory.mktemp("built")
    # A copy: a build leaves files in its tree, and uses those of an earlier one.
    for entry in ROOT.iterdir():
        if entry.is_file():
            shutil.copy(entry, tree)
        elif entry.name in FOLDERS:
            shutil.copytree(entry, tree / entry.name, ignore=shutil.ignore_patterns(*DROPPINGS))
    (tree / "cloud" / "__pycache__").mkdir()
    (tree / "cloud" / "__pycache__" / "errors.cpython-311.pyc").write_bytes(b"")
    # The index is not needed: setuptools is installed, because packages of trainers are built with it.
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", built, tree]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return built


@pytest.fixture
def wheel(built: Path) -> Iterator[zipfile.ZipFile]:
    (path,) = built.glob("*.whl")
    assert path.name.endswith("-py3-none-any.whl")
    with closing(zipfile.ZipFile(path)) as wheel:
        yield wheel


@pytest.fixture
def sdist(built: Path) -> dict[str, tarfile.TarInfo]:
    """Members by their paths below the one top-level folder."""
    (path,) = built.glob("*.tar.gz")
    top = path.name.removesuffix(".tar.gz")
    with tarfile.open(path) as archive:
        members = archive.getmembers()
    assert all(member.name == top or member.name.startswith(f"{top}/") for member in members)
    return {member.name.removeprefix(f"{top}/"): member for member in members if member.isfile()}


def dist_info() -> str:
    return f"{PROJECT['name'].replace('-', '_')}-{PROJECT['version']}.dist-info"


def modules(*folders: str) -> set[str]:
    return {str(path.relative_to(ROOT)) for folder in folders for path in (ROOT / folder).rglob("*.py")}


def test_the_wheel_has_all_modules_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    names = set(wheel.namelist())
    # A trainer of a user's own is often called trainer: the sample is inside cloud.
    assert {name.partition("/")[0] for name in names} == {"cloud", dist_info()}
    code = {name for name in names if not name.startswith(dist_info())}
    data = {"cloud/py.typed", "cloud/emulator/grpc/messages.binpb", "cloud/emulator/grpc/methods.json"}
    for folder in ("templates", "static"):
        found = (ROOT / "cloud").rglob(f"{folder}/**/*")
        data |= {str(path.relative_to(ROOT)) for path in found if path.is_file()}
    data |= {f"cloud/lab/chapters/{path.relative_to(ROOT / 'lab')}" for path in (ROOT / "lab").glob("e[ns]/**/*.*")}
    assert code == modules("cloud") | {f"cloud/sample/{name}" for name in modules("trainer")} | data


def test_the_wheel_has_the_licence(wheel: zipfile.ZipFile) -> None:
    licence = wheel.read(f"{dist_info()}/licenses/LICENSE")
    assert licence == (ROOT / "LICENSE").read_bytes()
    assert b"Apache License\n                           Version 2.0, January 2004" in licence


def test_the_wheel_has_metadata(wheel: zipfile.ZipFile) -> None:
    metadata = email.message_from_bytes(wheel.read(f"{dist_info()}/METADATA"))
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["License-File"] == "LICENSE"
    assert "# A cloud for machine learning" in metadata.get_payload()
    needed = {Requirement(text).name for text in metadata.get_all("Requires-Dist") if "extra ==" not in text}
    assert needed == {Requirement(text).name for text in PROJECT["dependencies"]}


def test_the_wheel_has_the_pytest_plugin(wheel: zipfile.ZipFile) -> None:
    entries = configparser.ConfigParser()
    entries.read_string(wheel.read(f"{dist_info()}/entry_points.txt").decode())
    assert {name: dict(entries[name]) for name in entries.sections()} == {
        "pytest11": {"local_cloud": "cloud.pytest_plugin"}
    }


def test_the_source_distribution_has_the_tests(sdist: dict[str, tarfile.TarInfo]) -> None:
    assert modules(*FOLDERS) <= sdist.keys()
    assert {"LICENSE", "README.md", "CONTRIBUTING.md", "pyproject.toml", "tox.ini", ".importlinter"} <= sdist.keys()
    assert "docs/architecture.md" in sdist


def test_the_source_distribution_has_no_generated_files(sdist: dict[str, tarfile.TarInfo]) -> None:
    tops = {name.partition("/")[0] for name in sdist if "/" in name}
    assert tops == {*FOLDERS, "offline_ml_cloud.egg-info"}
    assert not [name for name in sdist if "__pycache__" in name or name.endswith((".pyc", ".sqlite", ".log"))]


def test_the_classifiers_are_the_versions_that_are_tested() -> None:
    tox = (ROOT / "tox.ini").read_text()
    (named,) = [line for line in tox.splitlines() if line.startswith("[testenv:py{")]
    versions = [f"3.{name[1:]}" for name in named.partition("{")[2].partition("}")[0].split(",")]
    prefix = "Programming Language :: Python :: 3."
    assert [text.rpartition(" ")[2] for text in PROJECT["classifiers"] if text.startswith(prefix)] == versions
    assert f"Python {versions[0]} to {versions[-1]}" in (ROOT / "README.md").read_text()
