"""uv as it is run here, against real indexes on loopback."""

import asyncio
import contextlib
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cloud.engine.runtimes.uv import Uv
from cloud.engine.runtimes.uv_errors import Reason, UvError
from cloud.resources.log_entries import Severity
from integration.package_index import LOGIN, PackageIndex, package_index, wheel


@pytest.fixture(scope="module")
def index() -> Iterator[PackageIndex]:
    with package_index(
        wheel("fares", "1.0"),
        wheel("fares", "2.0"),
        wheel("windows-only", tag="cp36-cp36m-win_amd64"),
        wheel("needs-old", "1.0", "fares<2"),
    ) as index:
        yield index


@pytest.fixture
def log() -> list[str]:
    return []


@pytest.fixture
def user(tmp_path: Path) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "UV_CACHE_DIR": str(tmp_path / "cache"),
        "PIP_CONFIG_FILE": os.devnull,
    }


async def install(user: dict[str, str], log: list[str], target: Path, *names: str, offline: bool = False) -> list[str]:
    def append(line: str, severity: Severity) -> None:
        log.append(line)

    uv, python = Uv(user), ("--python", sys.executable)
    requirements = target.with_suffix(".in")
    requirements.write_text("\n".join(names))
    resolve = ("pip", "compile", *python, "--no-header", "--no-annotate", "--only-binary", ":all:", str(requirements))
    found = (await uv.run(*resolve, log=append, offline=offline, quick=True)).split()
    await uv.run("pip", "install", *python, "--no-deps", "--target", str(target), *found, log=append, offline=offline)
    return found


async def test_pips_index_is_used(index: PackageIndex, user: dict[str, str], log: list[str], tmp_path: Path) -> None:
    found = await install(user | {"PIP_INDEX_URL": index.url}, log, tmp_path / "out", "needs-old")

    assert found == ["fares==1.0", "needs-old==1.0"]
    assert "VERSION = '1.0'" in (tmp_path / "out/fares.py").read_text()
    assert any("fares==1.0" in line for line in log)


async def test_a_known_file_needs_no_index(
    index: PackageIndex, user: dict[str, str], log: list[str], tmp_path: Path
) -> None:
    user |= {"PIP_INDEX_URL": index.url}
    await install(user, log, tmp_path / "first", "fares")
    before = len(index.requests)

    await install(user, log, tmp_path / "second", "fares", offline=True)

    assert len(index.requests) == before


async def test_wheelhouse(index: PackageIndex, user: dict[str, str], log: list[str], tmp_path: Path) -> None:
    user |= {"PIP_FIND_LINKS": f"{index.write(tmp_path / 'wheels')} {tmp_path / 'absent'}", "PIP_NO_INDEX": "1"}

    assert await install(user, log, tmp_path / "out", "fares", offline=True) == ["fares==2.0"]


async def test_login_of_a_private_index_is_used_and_never_logged(
    index: PackageIndex, user: dict[str, str], log: list[str], tmp_path: Path
) -> None:
    user |= {"PIP_INDEX_URL": index.url_of("private", LOGIN)}
    await install(user, log, tmp_path / "out", "fares")
    with pytest.raises(UvError) as failure:
        await install(user, log, tmp_path / "out", "absent")

    assert "s3cret-t0ken" not in "\n".join([*log, str(failure.value), failure.value.detail])


@pytest.mark.parametrize(
    ("behaviour", "reason", "words"),
    [
        ("silent", Reason.SILENT, "does not answer (operation timed out)"),
        ("refusing", Reason.UNAUTHORIZED, "refuses the credentials (401 Unauthorized)"),
        ("other-hash", Reason.HASH, "holds fares==2.0 with another hash than it says (expected sha256:0000"),
    ],
)
async def test_index_that_misbehaves(
    index: PackageIndex,
    user: dict[str, str],
    log: list[str],
    tmp_path: Path,
    behaviour: str,
    reason: Reason,
    words: str,
) -> None:
    start = time.monotonic()

    with pytest.raises(UvError) as failure:
        await install(user | {"PIP_INDEX_URL": index.url_of(behaviour, LOGIN)}, log, tmp_path / "out", "fares")

    assert failure.value.reason is reason
    assert words in str(failure.value)
    assert "s3cret-t0ken" not in str(failure.value)
    assert time.monotonic() - start < 8


async def test_index_that_nobody_listens_for(user: dict[str, str], log: list[str], tmp_path: Path) -> None:
    with pytest.raises(UvError, match=r"http://127\.0\.0\.1:9/simple/fares/ does not answer \(Connection refused"):
        await install(user | {"PIP_INDEX_URL": "http://127.0.0.1:9/simple"}, log, tmp_path / "out", "fares")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("fares==3", Reason.NO_VERSION),
        ("windows-only", Reason.NO_WHEEL),
        ("absent", Reason.NOT_FOUND),
        ("fares==2.0\nneeds-old", Reason.CONFLICT),
        ("not a requirement", Reason.UNREADABLE),
    ],
)
async def test_what_cannot_be_resolved(
    index: PackageIndex, user: dict[str, str], log: list[str], tmp_path: Path, name: str, reason: Reason
) -> None:
    with pytest.raises(UvError) as failure:
        await install(user | {"PIP_INDEX_URL": index.url}, log, tmp_path / "out", name)

    assert failure.value.reason is reason, failure.value


async def test_what_is_not_cached(user: dict[str, str], log: list[str], tmp_path: Path) -> None:
    with pytest.raises(UvError) as failure:
        await install(user, log, tmp_path / "out", "fares", offline=True)

    assert failure.value.reason is Reason.NOT_CACHED


async def test_cache_that_cannot_be_written(user: dict[str, str], log: list[str], tmp_path: Path) -> None:
    with pytest.raises(UvError, match="UV_CACHE_DIR") as failure:
        await install(user | {"UV_CACHE_DIR": "/proc/cache"}, log, tmp_path / "out", "fares")

    assert failure.value.reason is Reason.UNWRITABLE


async def test_cancelled_it_ends(index: PackageIndex, user: dict[str, str], log: list[str], tmp_path: Path) -> None:
    user |= {"PIP_INDEX_URL": index.url_of("silent"), "UV_HTTP_TIMEOUT": "60"}
    task = asyncio.create_task(install(user, log, tmp_path / "out", "fares"))
    assert await asyncio.to_thread(index.silenced.acquire, timeout=20)
    marker = str(tmp_path / "out.in").encode()
    assert _running(marker)

    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task

    assert not _running(marker)


async def test_without_uv(user: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uv", None)
    with pytest.raises(UvError, match=r"uv is not installed: pip install 'offline-ml-cloud\[runtimes\]'"):
        Uv(user | {"PATH": "/nowhere"}).path()


def _running(argument: bytes) -> bool:
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if argument in process.read_bytes().split(b"\0"):
                return True
    return False
