"""JupyterLab of a student, once he opens his page."""

import http.client
import os
import subprocess
import time
from pathlib import Path
from urllib.parse import urlsplit

from cloud.testing.contract.base import TIMEOUT
from integration.students import Teacher, classroom


def get(address: str) -> tuple[int, str]:
    """Status, and where it leads."""
    host, path, query = urlsplit(address)[1:4]
    connection = http.client.HTTPConnection(host, timeout=TIMEOUT)
    connection.request("GET", f"{path}?{query}")
    response = connection.getresponse()
    connection.close()
    return response.status, response.headers.get("Location") or ""


def jupyters(pid: int) -> list[int]:
    listed = subprocess.run(["ps", "-wweo", "pid=,ppid=,args="], stdout=subprocess.PIPE, text=True, check=True).stdout
    rows = [line.split(None, 2) for line in listed.splitlines()]
    return [int(row[0]) for row in rows if int(row[1]) == pid and "jupyter_process" in row[2]]


def test_jupyterlab_starts_with_the_students_page_and_ends_with_the_class(tmp_path: Path) -> None:
    with classroom(tmp_path, "--students", "1", "--lang", "en") as running:
        pid = running.student("student-01").pid
        teacher = Teacher(running.address)
        (address,) = teacher.addresses()
        assert jupyters(pid) == []
        status, notebooks = get(f"{address}notebooks")
        assert (status, get(notebooks)[0]) == (303, 200)
        assert get(f"{address}notebooks") == (303, notebooks), "it is started once"
        (jupyter,) = jupyters(pid)
        os.kill(pid, 9)
        deadline = time.monotonic() + TIMEOUT
        while _runs(jupyter):
            assert time.monotonic() < deadline
            time.sleep(0.05)


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
