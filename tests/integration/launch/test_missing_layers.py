"""A machine that can confine less: what is found there, and that what is asked for is done or refused."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cloud.engine.confinement.layers import Layer, probe
from integration.launch import lesser_kernel
from integration.launch.programs import linux_only

pytestmark = linux_only
NO_LANDLOCK = "Landlock is missing or switched off in this kernel"
OWN_ONLY = {"a own": "done", "r own": "done", "r file": "done"}
BY_LANDLOCK = {**OWN_ONLY, "r secret": "PermissionError", "a secret": "PermissionError", "a file": "PermissionError"}
BY_A_ROOT = {**OWN_ONLY, "r secret": "FileNotFoundError", "a secret": "done", "a file": "OSError"}
"""It writes a secret in its own, empty ``/tmp``; what it may read is in a file system that cannot be written."""


def on_a_machine_without(missing: str, folder: Path) -> dict[str, object]:
    for name in ("readable", "job"):
        (folder / name).mkdir()
    for name in ("secret", "readable/file"):
        (folder / name).write_text("the machine's")
    program = [sys.executable, "-m", lesser_kernel.__name__, missing, str(folder)]
    environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(program, capture_output=True, text=True, env=environ, check=False)
    assert done.returncode == 0, done.stderr
    for name in ("secret", "readable/file"):
        assert (folder / name).read_text() == "the machine's"
    found = json.loads(done.stdout)
    assert isinstance(found, dict)
    return found


def test_this_machine() -> None:
    found = probe()

    for layer in (found.files, found.signals, found.network, found.ports):
        assert layer == Layer(layer.reason)
    assert probe() is found


@pytest.mark.parametrize("missing", ["landlock", "landlock, switched off"])
def test_without_landlock_a_root_of_its_own_keeps_files(missing: str, tmp_path: Path) -> None:
    assert on_a_machine_without(missing, tmp_path) == {
        "files": "",
        "signals": NO_LANDLOCK,
        "network": "",
        "ports": NO_LANDLOCK,
        "within": BY_A_ROOT,
        "without": "cannot be confined: Landlock of Linux 5.19 is needed (ABI 2), not ABI 0",
        "all without": "cannot be confined: Landlock of Linux 5.19 is needed (ABI 2), not ABI 0",
    }


@pytest.mark.parametrize(
    ("missing", "refusal", "cause"),
    [
        ("namespaces", "unshare: Operation not permitted", "unshare: Operation not permitted"),
        ("user.max_user_namespaces", "unshare: No space left on device", "user.max_user_namespaces=0"),
    ],
)
def test_without_namespaces_landlock_keeps_files_and_ports(
    missing: str, refusal: str, cause: str, tmp_path: Path
) -> None:
    assert on_a_machine_without(missing, tmp_path) == {
        "files": "",
        "signals": "",
        "network": f"user namespaces are refused here ({cause})",
        "ports": "",
        "within": f"no network for a job: {refusal}",
        "without": BY_LANDLOCK,
        "all without": BY_LANDLOCK,
    }


def test_without_a_filter_of_system_calls_nothing_is_half_confined(tmp_path: Path) -> None:
    reason = "seccomp: Invalid argument"

    assert on_a_machine_without("seccomp", tmp_path) == {
        "files": "",
        "signals": reason,
        "network": reason,
        "ports": reason,
        "within": f"cannot be confined: {reason}",
        "without": BY_LANDLOCK,
        "all without": f"cannot be confined: {reason}",
    }
