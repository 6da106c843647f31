"""A sweep waits for the processes of a killed cloud that are ending, and kills those that do not."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from cloud.folders import sweep, temporary
from cloud.folders.temporary import Kind

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")


@pytest.fixture
def left(tmp_path: Path) -> Path:
    folder = tmp_path / "omlc-job-0dead000"
    (folder / "inside").mkdir(parents=True)
    return folder


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep, "_PATIENCE", 0.1)


def start(folder: Path) -> "subprocess.Popen[bytes]":
    """A process whose TMPDIR is ``folder``, and which ends when its input does."""
    program = ["/bin/sh", "-c", "echo started; read line || true"]
    process = subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={"TMPDIR": str(folder)})
    # For a moment after its start others see no variables of a process.
    assert process.stdout is not None
    assert process.stdout.readline() == b"started\n"
    return process


def test_leftovers_of_all_places_are_removed(tmp_path: Path, left: Path) -> None:
    other = tmp_path / "other" / "omlc-state-0dead000"
    other.mkdir(parents=True)
    with temporary.temporary_folder(Kind.JOB, tmp_path) as used:
        sweep.sweep([tmp_path, tmp_path, other.parent, tmp_path / "missing"])
        assert used.exists()
    assert not left.exists()
    assert not other.exists()


@linux_only
def test_a_process_that_is_ending_is_waited_for(tmp_path: Path, left: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep, "_PATIENCE", 60)
    with start(left) as process:
        sweeping = threading.Thread(target=sweep.sweep, args=([tmp_path],))
        sweeping.start()
        sweeping.join(0.05)
        assert left.exists()
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait() == 0
        sweeping.join()
    assert not left.exists()


@linux_only
def test_a_process_that_outlived_its_supervisor_is_killed_and_no_other(tmp_path: Path, left: Path) -> None:
    with start(left) as outlived, start(left.with_name("omlc-job-0dead0001")) as other:
        sweep.sweep([tmp_path])
        assert outlived.wait() == -9
        assert other.poll() is None
        other.kill()
    assert not left.exists()


def test_a_process_in_the_folder_itself_leaves_it(tmp_path: Path, left: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(left / "inside"))
    sweep.sweep([tmp_path])
    assert left.exists()
    assert left / "inside" in sweep.system_folders()


def test_what_cannot_be_removed_does_not_hold_up_a_sweep(
    tmp_path: Path, left: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(temporary, "remove_tree", lambda _: None)
    before = os.listdir("/dev/fd")
    sweep.sweep([tmp_path])
    assert os.listdir("/dev/fd") == before
    assert left.exists()
