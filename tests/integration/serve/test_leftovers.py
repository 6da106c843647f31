"""A folder that cannot be used is a warning; what was killed is swept; of two clouds in one state folder one wins."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from integration.launch.programs import linux_only
from integration.user_environ import user_environ

SERVE = (sys.executable, "-m", "cloud.serve")


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """Of a user without a session, all of whose folders are the test's."""
    for name in ("home", "t"):
        (tmp_path / name).mkdir(mode=0o700)
    own = {"HOME": str(tmp_path / "home"), "TMPDIR": str(tmp_path / "t"), "CLOUD_LAUNCHER": "cold"}
    left_out = ("XDG_RUNTIME_DIR", "XDG_CACHE_HOME")
    return {name: value for name, value in user_environ().items() if name not in left_out} | own


def warnings(ran: "subprocess.CompletedProcess[str]") -> list[str]:
    return [line for line in ran.stderr.splitlines() if line.startswith("warning: ")]


def serve(environ: dict[str, str], *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([*SERVE, *arguments], env=environ, capture_output=True, text=True, timeout=60, check=False)


def test_an_unusable_runtime_folder_is_a_warning_and_the_cloud_is_found_all_the_same(environ: dict[str, str]) -> None:
    environ["XDG_RUNTIME_DIR"] = "/run/user/424242"
    ran = serve(environ, "--", *SERVE, "env", "--shell", "json")
    assert ran.returncode == 0
    (warning,) = warnings(ran)
    assert warning.startswith("warning: XDG_RUNTIME_DIR=/run/user/424242 cannot be used: No such file or directory; ")
    assert warning.endswith(" is used instead")
    assert json.loads(ran.stdout)["STORAGE_EMULATOR_HOST"].startswith("http://127.0.0.1:")


@pytest.mark.skipif(Path(f"/run/user/{os.getuid()}").exists(), reason="this user has a session, whose folder is used")
def test_without_any_usable_folder_a_cloud_starts(environ: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "precious").mkdir()
    squatted = Path(environ["TMPDIR"], f"offline-ml-cloud-{os.getuid()}")
    squatted.symlink_to(tmp_path / "precious")
    environ["HOME"] = str(tmp_path / "missing")
    ran = serve(environ, "--state", str(tmp_path / "state"), "--", "true")
    assert ran.returncode == 0
    squat, other = warnings(ran)
    assert squat == f"warning: {squatted} cannot be used: it is a link, or no folder"
    assert other.endswith(f"another shell finds this cloud with --state {tmp_path / 'state'} only")
    assert list((tmp_path / "precious").iterdir()) == []


@linux_only
def test_what_a_killed_run_left_is_swept_by_the_next_start_of_any_cloud(environ: dict[str, str]) -> None:
    temporary = Path(environ["TMPDIR"])
    argv = [sys.executable, "-m", "cloud.run", "--train-steps", "1"]
    with subprocess.Popen(argv, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as run:
        deadline = time.monotonic() + 60
        while {path.name.split("-")[1] for path in temporary.glob("omlc-*")} < {"data", "state"}:
            assert run.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.01)
        run.kill()
    assert len(list(temporary.iterdir())) >= 2
    ran = serve(environ, "--", "true")
    assert (ran.returncode, warnings(ran)) == (0, [])
    assert list(temporary.iterdir()) == []


def test_of_two_clouds_that_start_in_one_state_folder_one_wins_and_the_other_names_it(
    environ: dict[str, str], tmp_path: Path
) -> None:
    argv = [*SERVE, "--state", str(tmp_path / "state"), "--", "cat"]
    clouds = [
        subprocess.Popen(argv, env=environ, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)
    ]
    try:
        while all(cloud.poll() is None for cloud in clouds):
            time.sleep(0.01)
        loser, winner = sorted(clouds, key=lambda cloud: cloud.poll() is None)
        assert (loser.returncode, winner.poll()) == (1, None)
        assert f"{tmp_path}/state is in use by process {winner.pid};" in loser.communicate()[1]
        winner.communicate("", timeout=60)
        assert winner.returncode == 0
    finally:
        for cloud in clouds:
            cloud.kill()
            cloud.communicate()
