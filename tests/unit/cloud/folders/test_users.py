"""Processes are found by their TMPDIR, if that is a temporary folder of ours."""

import subprocess
import sys
from pathlib import Path

import pytest

from cloud.folders.users import kill_users, wait_for_users

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")


def start(folder: Path) -> "subprocess.Popen[bytes]":
    """A process that ends when its input does, and a child of it that has left its session."""
    argv = ["/bin/sh", "-c", "setsid cat <&0 & exec cat"]
    return subprocess.Popen(argv, stdin=subprocess.PIPE, env={"TMPDIR": str(folder), "PATH": "/usr/bin:/bin"})


def test_all_are_killed_and_no_other(tmp_path: Path) -> None:
    folder, other = tmp_path / "omlc-job-0dead000", tmp_path / "omlc-job-0dead001"
    with start(folder) as process, start(other) as neighbour:
        kill_users(folder)
        assert process.wait() == -9
        assert neighbour.poll() is None
        neighbour.communicate(b"")
    assert neighbour.returncode == 0


def test_a_folder_that_others_share_has_no_users(tmp_path: Path) -> None:
    with start(tmp_path) as process:
        wait_for_users(tmp_path, 60)
        kill_users(tmp_path)
        assert process.poll() is None
        process.communicate(b"")
