"""Jobs that meet a bound of their log, their disk, their open files or their processes: each says which."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cloud.server.thread import BackgroundCloud
from cloud.settings import LauncherKind, Settings
from cloud.testing.contract.probes import wheel
from emulator_api.ml_requests import training_job
from integration.owner import MB, ML, PROJECT, Owner

LOG_BYTES, DISK_BYTES, FILES, PROCESSES = 100_000, 30 * MB, 200, 60
PROGRAMS = {
    "chatty": """
        import sys
        for number in range(20_000):
            print(number, "x" * 1000)
        sys.exit("the end")
        """,
    "filler": """
        import os, tempfile, time
        for folder in (os.getcwd(), tempfile.gettempdir()):
            with open(folder + "/data", "wb") as file:
                file.write(bytes(20 * 2**20))
        time.sleep(600)
        """,
    "opener": "files = [open('/dev/null') for _ in range(10_000)]",
}
if sys.platform == "linux":
    PROGRAMS["forker"] = """
        import os, time
        while os.fork():
            pass
        time.sleep(600)
        """


@pytest.fixture(scope="module")
def jobs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Owner, dict[str, Any]]]:
    settings = Settings(
        launcher=LauncherKind.COLD,
        state_dir=tmp_path_factory.mktemp("bounds"),
        concurrent_jobs=3,
        job_log_bytes=LOG_BYTES,
        job_disk_bytes=DISK_BYTES,
        job_files=FILES,
        job_processes=PROCESSES,
    )
    with BackgroundCloud(settings) as cloud:
        owner = Owner(cloud)
        owner.open_bucket("bounds")
        for name, program in PROGRAMS.items():
            assert owner.put("bounds", f"{name}-1-py3-none-any.whl", wheel(name, program)) == 200
            package = {"packageUris": [f"gs://bounds/{name}-1-py3-none-any.whl"], "pythonModule": name}
            assert owner.json("POST", ML, f"{PROJECT}/jobs", training_job(name, **package))[0] == 200
        yield owner, {name: list(owner.poll_until(name, "FAILED"))[-1] for name in PROGRAMS}
        assert owner.is_healthy()


def test_a_job_that_writes_too_much_goes_on_and_its_log_says_that_it_is_cut(jobs: tuple[Owner, dict[str, Any]]) -> None:
    owner, ended = jobs
    assert "the end" in ended["chatty"]["errorMessage"]
    (log,) = owner.cloud.state_dir.rglob("chatty*.jsonl")
    assert LOG_BYTES < log.stat().st_size < LOG_BYTES + 10_000
    text = log.read_text()
    assert text.count("(CLOUD_JOB_LOG_BYTES): what its program writes from now on is dropped.") == 1
    assert text.splitlines()[-1].count("Job failed.") == 1


def test_a_job_that_fills_its_disk_is_ended(jobs: tuple[Owner, dict[str, Any]]) -> None:
    message = jobs[1]["filler"]["errorMessage"]
    assert message.startswith("The job was ended: its folder and TMPDIR hold ")
    assert message.endswith(f"a job may use {DISK_BYTES} (CLOUD_JOB_DISK_BYTES).")


def test_a_job_that_opens_too_many_files_is_told_how_many_it_may(jobs: tuple[Owner, dict[str, Any]]) -> None:
    message = jobs[1]["opener"]["errorMessage"]
    assert "Too many open files" in message
    assert f"may have {FILES} files open at a time" in message
    assert "CLOUD_JOB_FILES" in message


@pytest.mark.skipif(sys.platform != "linux", reason="processes are bounded on Linux only")
def test_a_job_that_forks_for_ever_is_ended(jobs: tuple[Owner, dict[str, Any]]) -> None:
    message = jobs[1]["forker"]["errorMessage"]
    assert f"A job may have {PROCESSES} processes and threads at a time" in message
    assert "CLOUD_JOB_PROCESSES" in message
    remaining = [each for each in Path("/proc").glob("[0-9]*/cmdline") if b"forker" in _read(each)]
    assert remaining == []


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError:  # the process has ended
        return b""
