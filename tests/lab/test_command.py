"""``python -m cloud.lab``, as a learner starts and ends it."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from lab.labs import END_SECONDS, RunningLab, running_lab, start

pytestmark = pytest.mark.timeout(400)  # three starts of a lab


def get(lab: RunningLab, path: str, method: str = "GET") -> object:
    headers = {"Authorization": f"token {lab.token}"}
    request = urllib.request.Request(f"{lab.url}{path}", method=method, headers=headers)  # noqa: S310
    with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310
        text = response.read()
    return json.loads(text) if text else None


def jupyter_of(lab: RunningLab) -> int:
    """The process id of its JupyterLab."""
    return next(
        int(pid.name)
        for pid in Path("/proc").iterdir()
        if pid.name.isdecimal()
        and b"jupyter_process.py" in _read(pid / "cmdline")
        and f"PPid:\t{lab.process.pid}\n".encode() in _read(pid / "status")
    )


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def wait_until_gone(pid: int) -> None:
    until = time.monotonic() + END_SECONDS
    while _read(Path(f"/proc/{pid}/cmdline")):
        assert time.monotonic() < until, f"process {pid} goes on"
        time.sleep(0.05)


@pytest.mark.skipif(sys.platform != "linux", reason="finds processes in /proc")
def test_the_life_of_a_lab(tmp_path: Path) -> None:
    # One test: each start takes seconds.
    state = tmp_path / "lab"
    with running_lab(state, "--lang", "es") as lab:
        assert sum("http://" in line for line in lab.said) == 1
        assert {lab.path.rpartition("/")[2], "solutions"} <= contents(lab)
        assert_token_is_needed(lab)
        (state / "es" / "taxifare").mkdir()
        get(lab, "/api/shutdown", "POST")  # as its menu does
        said, _ = lab.process.communicate(timeout=END_SECONDS)
        assert (lab.process.returncode, said.splitlines()[-1]) == (0, "JupyterLab was shut down: ending")
    with running_lab(state, "--lang", "es") as lab:
        assert "taxifare" in contents(lab)
        os.kill(jupyter_of(lab), signal.SIGKILL)
        said, _ = lab.process.communicate(timeout=END_SECONDS)
        assert lab.process.returncode == 1
        assert "error: JupyterLab ended with status -9" in said
    with running_lab(state, "--lang", "es", "--reset") as lab:
        assert lab.said[:3] == [f"removed {state / name}" for name in ("es", "cloud", "jupyter")]
        assert "taxifare" not in contents(lab)
        jupyter = jupyter_of(lab)
        get(lab, "/api/kernels", "POST")
        os.kill(lab.process.pid, signal.SIGKILL)
        lab.process.communicate(timeout=END_SECONDS)
        wait_until_gone(jupyter)


def contents(lab: RunningLab) -> set[str]:
    listed = get(lab, "/api/contents")
    assert isinstance(listed, dict)
    return {entry["name"] for entry in listed["content"]}


def assert_token_is_needed(lab: RunningLab) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"{lab.url}/api/contents", timeout=30)  # noqa: S310
    assert refused.value.code == 403
    refused.value.close()
    assert lab.token.encode() not in _read(Path(f"/proc/{jupyter_of(lab)}/cmdline"))


def test_bad_starts_say_what_to_do(tmp_path: Path) -> None:
    def said(*arguments: str, environ: dict[str, str] | None = None) -> tuple[int, str]:
        process = start(tmp_path / "lab", *arguments, environ=environ)
        text, _ = process.communicate(timeout=END_SECONDS)
        return process.returncode, text

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        status, text = said("--port", str(port))
    assert status == 1
    assert text.startswith(f"error: port {port} cannot be used: ")
    assert "--port" in text
    (tmp_path / "lab" / "cloud").mkdir()
    (tmp_path / "lab" / "cloud" / "format").write_text("99\n")
    status, text = said("--no-browser")
    assert status == 1
    assert "was written by another version of this program (format 99" in text
    assert "Traceback" not in text


def test_without_the_extra_it_says_the_line_that_installs_it(tmp_path: Path) -> None:
    program = """
import sys
sys.modules["jupyterlab"] = None  # as where it is not installed
import importlib.util
found = importlib.util.find_spec
importlib.util.find_spec = lambda name, package=None: None if name == "jupyterlab" else found(name, package)
from cloud.lab.command import main
main(["--state", sys.argv[1]])
"""
    done = subprocess.run(
        [sys.executable, "-c", program, tmp_path / "lab"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.startswith("error: the lab needs jupyterlab, of the extra lab: ")
    assert "-m pip install 'offline-ml-cloud[lab]'" in done.stderr
    assert not (tmp_path / "lab").exists()
