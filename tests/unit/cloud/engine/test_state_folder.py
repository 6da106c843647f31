"""The state folder: one process locks it, private ones are removed, and errors name a folder that cannot be used."""

import errno
import fcntl
import os
import subprocess
import threading
from pathlib import Path

import pytest

from cloud.engine.state_folder import FORMAT, StateFolder
from cloud.errors import FailedPrecondition


def test_a_second_process_is_refused_with_the_id_of_the_first(tmp_path: Path) -> None:
    first = StateFolder(tmp_path / "state")
    with pytest.raises(FailedPrecondition, match=rf"in use by process {os.getpid()}"):
        StateFolder(tmp_path / "state")
    first.close()
    StateFolder(tmp_path / "state").close()


def test_the_holder_is_named_also_while_it_has_not_written_its_id_yet(tmp_path: Path) -> None:
    ended = subprocess.Popen(["/bin/true"])
    ended.wait()
    for before in ("", f"{ended.pid}\n"):  # of one that was killed
        (tmp_path / "lock").write_text(before)
        with (tmp_path / "lock").open("r+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            writing = threading.Timer(0.05, lambda: (tmp_path / "lock").write_text(f"{os.getpid()}\n"))
            writing.start()
            with pytest.raises(FailedPrecondition, match=rf"in use by process {os.getpid()};"):
                StateFolder(tmp_path)
            writing.join()


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.EOPNOTSUPP])
def test_a_folder_on_a_file_system_without_locks_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(FailedPrecondition, match=rf"{tmp_path} cannot be locked \({os.strerror(code)}\).*--state"):
        StateFolder(tmp_path)
    assert (tmp_path / "lock").read_text() == ""


def test_a_private_folder_is_removed_on_close() -> None:
    state = StateFolder(None)
    (state.folder("jobs") / "x").touch()
    assert state.path.stat().st_mode & 0o077 == 0
    state.close()
    assert not state.path.exists()


def test_a_folder_that_was_passed_stays(tmp_path: Path) -> None:
    state = StateFolder(tmp_path / "deep" / "state")
    (state.folder("jobs") / "x").touch()
    state.close()
    assert (tmp_path / "deep" / "state" / "jobs" / "x").exists()


def test_the_error_names_a_folder_that_cannot_be_created(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(FailedPrecondition, match=r"file.state cannot be used: .*choose another with --state"):
        StateFolder(tmp_path / "file" / "state")


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("older", range(1, FORMAT))
def test_a_folder_of_an_earlier_format_is_accepted(tmp_path: Path, older: int) -> None:
    StateFolder(tmp_path).close()
    (tmp_path / "format").write_text(f"{older}\n")
    StateFolder(tmp_path).close()
    assert (tmp_path / "format").read_text() == f"{FORMAT}\n", "so that the earlier version refuses it from now on"


@pytest.mark.parametrize("stamp", ["0", str(FORMAT + 1), "two"])
def test_a_folder_of_an_unknown_format_is_refused(tmp_path: Path, stamp: str) -> None:
    (tmp_path / "format").write_text(stamp)
    with pytest.raises(FailedPrecondition, match=f"format {stamp}, this one reads {FORMAT}"):
        StateFolder(tmp_path)


def test_a_folder_of_another_version_is_refused_and_not_changed(tmp_path: Path) -> None:
    state = StateFolder(tmp_path)
    (state.folder("jobs") / "jobs.sqlite").write_bytes(b"of the future")
    state.close()
    StateFolder(tmp_path).close()
    (tmp_path / "format").write_text("999\n")
    before = contents(tmp_path)
    for _ in range(2):
        with pytest.raises(FailedPrecondition, match=rf"{tmp_path} was written by another version.*--state.*remove"):
            StateFolder(tmp_path)
    assert contents(tmp_path) == before
