"""``python -m cloud.runtimes fetch``: what is fetched, jobs have offline."""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cloud.engine.runtimes.requirements import Requirements
from cloud.engine.runtimes.view import view_of_installed
from cloud.errors import FailedPrecondition
from cloud.runtimes.commands import main
from cloud.settings import RequirementsMode, runtimes_dir, whole_environ
from integration.package_index import PackageIndex, package_index, wheel

SOURCE = (
    *((f"source_only-{version}.tar.gz", b"") for version in ("1.0", "1.1")),
    wheel("needs-source", "1.0", "source-only"),
)
OLD = (wheel("windows-only", "1.0", tag="cp36-cp36m-win_amd64"), wheel("needs-old", "1.0", "windows-only==1.0"))


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PackageIndex]:
    with package_index(
        wheel("fares", "2.0"), wheel("rides", "1.0", "fares"), wheel("tables", "3.0"), *OLD, *SOURCE
    ) as index:
        monkeypatch.delenv("UV_OFFLINE")
        monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
        monkeypatch.setenv("PIP_INDEX_URL", index.url)
        monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
        yield index


async def run(*arguments: str) -> Result:
    return await asyncio.to_thread(CliRunner().invoke, main, arguments)


async def offline(folder: Path, *wanted: str) -> list[str]:
    """The log of an offline job that requires these."""
    log: list[str] = []
    requirements = Requirements(folder / "layers", RequirementsMode.OFFLINE, environ=whole_environ())
    runtime = view_of_installed(runtimes_dir())
    await requirements.install(runtime, (), wanted, work=folder / "work", log=lambda line, _: log.append(line))
    return log


async def test_what_was_fetched_is_there_offline(index: PackageIndex, tmp_path: Path) -> None:
    (tmp_path / "more.txt").write_text("# for the class\n\ntables==3.0 \\\n    --hash=sha256:0 # exactly\n")
    with pytest.raises(FailedPrecondition, match=r"python -m cloud\.runtimes fetch rides,"):
        await offline(tmp_path, "rides")

    done = await run("fetch", "rides", "-r", str(tmp_path / "more.txt"))
    assert done.exit_code == 0, done.output
    assert "Successfully installed fares-2.0 rides-1.0 tables-3.0" in done.output

    before = len(index.requests)
    assert (await offline(tmp_path, "rides", "tables"))[-1] == "Successfully installed fares-2.0 rides-1.0 tables-3.0"
    assert len(index.requests) == before


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ["no-such-thing"],
            "error: no-such-thing, which the package index does not have",
        ),
        (["x", "--for", "tf9"], "error: --for: there is no runtime 'tf9'"),
        ([], "name a package"),
        (["needs-old"], "error: needs-old, which needs windows-only==1.0, of which there is no wheel for Python"),
        (["needs-source"], "error: needs-source, which needs source-only, of which there is no wheel for Python"),
        (["needs-source"], "`pip wheel --no-deps source-only` and add it to the job's packages, or to a folder that"),
        (["source-only"], "`pip wheel --no-deps source-only` and add it to the job's packages, or to a folder that"),
    ],
)
async def test_what_cannot_be_fetched(index: PackageIndex, arguments: list[str], words: str) -> None:
    done = await run("fetch", *arguments)

    assert done.exit_code != 0
    assert words in done.output


async def test_an_option_in_a_file_and_a_store_that_is_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (file := tmp_path / "more.txt").write_text("fares\n-r other.txt\n")
    done = await run("fetch", "-r", str(file))
    assert "the option '-r other.txt' is not read: name packages alone" in done.output

    monkeypatch.setenv("CLOUD_RUNTIMES", str(file))
    done = await run("fetch", "fares")
    assert f"error: the store of runtimes {file}" in done.output
    assert "point CLOUD_RUNTIMES to a folder" in done.output
