"""A class as a process, and its students as raw HTTP."""

import http.client
import re
import signal
import subprocess
import sys
import time
import urllib.parse
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cloud.server.announcement import find_running
from cloud.testing.contract.base import TIMEOUT
from cloud.testing.contract.probes import wheel
from integration.owner import FINAL, ML, STORAGE, Owner
from integration.serve.programs import end, read_until

COMMAND = [sys.executable, "-m", "cloud.classroom"]
BUCKET = "homework"
WORKS = """
import sys, time
print("begins", time.time(), flush=True)
time.sleep(float(sys.argv[1]))
print("ends", time.time(), flush=True)
"""


class StudentsCloud(Owner):
    """One student's cloud, which runs."""

    def __init__(self, folder: Path) -> None:
        running = find_running(folder / "cloud")
        assert running is not None, f"no cloud runs in {folder}"
        super().__init__(running)  # type: ignore[arg-type]  # it has the environment, which is all that is used
        self.pid, self.project, self.folder = running.pid, folder.name, folder

    def open(self) -> None:
        """Make a bucket with a package that jobs may read."""
        bucket = {"name": BUCKET, "location": "us-central1"}
        assert self.json("POST", STORAGE, f"/storage/v1/b?project={self.project}", bucket)[0] == 200
        account = self.json("GET", ML, f"/v1/projects/{self.project}:getConfig")[1]["serviceAccount"]
        grant = {"bindings": [{"role": "roles/storage.admin", "members": [f"serviceAccount:{account}"]}]}
        assert self.json("PUT", STORAGE, f"/storage/v1/b/{BUCKET}/iam", grant)[0] == 200
        assert self.put(BUCKET, "work-1-py3-none-any.whl", wheel("work.task", WORKS)) == 200

    def submit(self, job_id: str, seconds: float) -> None:
        job = {
            "jobId": job_id,
            "trainingInput": {
                "scaleTier": "BASIC",
                "region": "us-central1",
                "packageUris": [f"gs://{BUCKET}/work-1-py3-none-any.whl"],
                "pythonModule": "work.task",
                "args": [str(seconds)],
            },
        }
        status, answer = self.json("POST", ML, f"/v1/projects/{self.project}/jobs", job)
        assert status == 200, answer

    def job(self, job_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.json("GET", ML, f"/v1/projects/{self.project}/jobs/{job_id}")[1]
        return found

    def wait(self, job_id: str, *states: str) -> dict[str, Any]:
        deadline = time.monotonic() + TIMEOUT
        while (job := self.job(job_id))["state"] not in (states or FINAL):
            assert time.monotonic() < deadline, job
            time.sleep(0.05)
        return job

    def log(self, job_id: str) -> list[str]:
        body = {"resourceNames": [f"projects/{self.project}"], "filter": f'resource.labels.job_id="{job_id}"'}
        entries = self.json("POST", "logging", "/v2/entries:list", body)[1].get("entries", [])
        return [entry.get("textPayload") or entry["jsonPayload"]["message"] for entry in entries]

    def has_bucket(self) -> bool:
        return self.json("GET", STORAGE, f"/storage/v1/b/{BUCKET}")[0] == 200


class Teacher:
    """A browser with the teacher's cookie.

    Args:
        address: that opens the page once.
    """

    def __init__(self, address: str) -> None:
        self.netloc, (path, query) = urllib.parse.urlsplit(address).netloc, urllib.parse.urlsplit(address)[2:4]
        status, _, self._cookie = self._send("GET", f"{path}?{query}")
        assert status == 303

    def get(self, path: str, *, with_cookie: bool = True) -> tuple[int, str]:
        return self._send("GET", path, cookie=self._cookie if with_cookie else "")[:2]

    def post(self, path: str, csrf: str) -> int:
        return self._send("POST", path, f"csrf={csrf}", self._cookie)[0]

    def csrf(self) -> str:
        found = re.search(r'name="csrf" value="([^"]+)"', self.get("/")[1])
        assert found
        return found[1]

    def addresses(self) -> list[str]:
        """Of the students' pages."""
        return re.findall(r'href="(http://[^"]+)"', self.get("/addresses")[1])

    def row(self, project: str) -> str:
        """The text of a student's row."""
        found = re.search(rf'<tr id="{project}">(.*?)</tr>', self.get("/")[1], re.DOTALL)
        assert found, self.get("/")
        return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", found[1]))

    def wait(self, project: str, pattern: str) -> str:
        deadline = time.monotonic() + TIMEOUT / 2
        while not re.search(pattern, row := self.row(project)):
            assert time.monotonic() < deadline, row
            time.sleep(0.1)
        return row

    def _send(self, method: str, path: str, body: str = "", cookie: str = "") -> tuple[int, str, str]:
        connection = http.client.HTTPConnection(self.netloc, timeout=TIMEOUT)
        headers = {"Cookie": cookie, "Content-Type": "application/x-www-form-urlencoded"}
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        text = response.read().decode()
        connection.close()
        return response.status, text, (response.headers.get("Set-Cookie") or "").partition(";")[0]


class ClassProcess:
    def __init__(
        self, folder: Path, *arguments: str, command: Sequence[str] = COMMAND, environ: dict[str, str] | None = None
    ) -> None:
        self.folder = folder
        self.process = subprocess.Popen(
            [*command, "--state", str(folder), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        try:
            self.welcome = read_until(self.process, "Ctrl-C ends it.")
        except BaseException:
            self.process.kill()
            raise
        (address,) = re.findall(r"http://\S+", self.welcome)
        self.address: str = address

    def student(self, project: str) -> StudentsCloud:
        return StudentsCloud(self.folder / project)

    def end(self) -> tuple[str, str]:
        if self.process.poll() is None:
            return end(self.process, signal.SIGINT)
        return self.process.communicate()


@contextmanager
def classroom(folder: Path, *arguments: str) -> Iterator[ClassProcess]:
    running = ClassProcess(folder, *arguments)
    try:
        yield running
    finally:
        running.end()
