"""Another Unix user makes folders, links and files where a cloud of the owner looks for its own."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from security.unix_users import OWNER, STRANGER, Homes, as_user, needs_other_users

pytestmark = needs_other_users()
LIE = '{"pid": 1, "url": "http://127.0.0.1:1", "environ": {"STORAGE_EMULATOR_HOST": "http://127.0.0.1:1"}}'


@pytest.fixture
def homes() -> Iterator[Homes]:
    # Not in pytest's folder, which other users cannot pass.
    folder = Path(tempfile.mkdtemp())
    yield Homes(folder)
    shutil.rmtree(folder)


def as_stranger(*argv: str) -> None:
    subprocess.run(argv, user=STRANGER, group=STRANGER, extra_groups=[], check=True)


def serve(homes: Homes, *arguments: str, **environ: str) -> "subprocess.CompletedProcess[str]":
    argv = as_user(OWNER, [sys.executable, "-m", "cloud.serve", *arguments])
    variables = homes.environ(OWNER) | environ
    return subprocess.run(argv, env=variables, cwd="/", capture_output=True, text=True, timeout=100, check=False)


def test_folders_at_the_place_of_the_owners_do_not_keep_a_cloud_from_starting(homes: Homes) -> None:
    squatted = homes.shared / f"offline-ml-cloud-{OWNER}"
    as_stranger("mkdir", "-m", "777", str(squatted))
    as_stranger("sh", "-c", f"echo '{LIE}' >{squatted}/running-99999999999999999999-1.json")
    session = homes.shared / "session"
    as_stranger("mkdir", "-m", "777", str(session))
    argv = [sys.executable, "-m", "cloud.serve", "env", "--shell", "json"]
    missing = str(homes.folder / "missing")
    ran = serve(homes, "--", *argv, HOME=missing, CLOUD_RUNTIMES=missing, XDG_RUNTIME_DIR=str(session))
    lines = [line for line in ran.stderr.splitlines() if line.startswith(("warning: ", "error: "))]
    assert lines[:2] == [
        f"warning: XDG_RUNTIME_DIR={session} cannot be used: it is another user's",
        f"warning: {squatted} cannot be used: it is another user's",
    ]
    assert "another shell finds this cloud with --state" in lines[2]
    # The command was run, and did not find the cloud that the stranger announced.
    assert ran.returncode == 1
    assert lines[3].startswith("error: no cloud is running")
    assert os.listdir(session) == []


def test_a_sweep_touches_nothing_of_another_user_and_follows_no_link(homes: Homes) -> None:
    precious = Path(homes.environ(OWNER)["HOME"]) / "precious"
    precious.mkdir()
    (precious / "file").touch()
    for path in (precious, precious / "file"):
        os.chown(path, OWNER, OWNER)
    theirs, link = homes.shared / "omlc-job-abcdefgh", homes.shared / "omlc-state-abcdefgh"
    as_stranger("mkdir", "-m", "777", str(theirs))
    as_stranger("ln", "-s", str(precious), str(link))
    as_stranger("ln", "-s", str(precious), str(theirs / "link"))
    left = homes.shared / "omlc-work-0dead000"
    left.mkdir()
    (left / "link").symlink_to(precious)
    for path in (left, left / "link"):
        os.chown(path, OWNER, OWNER, follow_symlinks=False)
    assert serve(homes, "--", "true").returncode == 0
    assert not left.exists(), "the owner's own is swept"
    assert sorted(os.listdir(homes.shared)) == [theirs.name, link.name]
    assert os.listdir(theirs) == ["link"]
    assert os.listdir(precious) == ["file"]


def test_a_stranger_can_neither_enter_nor_lock_a_temporary_folder(homes: Homes) -> None:
    argv = as_user(OWNER, [sys.executable, "-m", "cloud.serve", "--", "cat"])
    with subprocess.Popen(argv, env=homes.environ(OWNER), cwd="/", stdin=subprocess.PIPE) as cloud:
        deadline = time.monotonic() + 60
        while not (found := list(homes.shared.glob("omlc-state-*"))):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        for command in (["ls", str(found[0])], ["flock", "-n", str(found[0]), "true"]):
            with pytest.raises(subprocess.CalledProcessError):
                as_stranger(*command)
        cloud.communicate(b"")
    assert cloud.returncode == 0
    assert list(homes.shared.iterdir()) == []
