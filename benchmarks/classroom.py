"""A class on this machine: memory and time of its clouds, and all students submitting at once.

    python benchmarks/classroom.py [STUDENTS]

Memory is the proportional set size of all processes of the class (``smaps_rollup``), before JupyterLab and jobs. The
jobs import no TensorFlow: what is measured is the queue and the clouds. Exits with status 1 if a target is missed.
"""

import http.client
import json
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

from cloud.server.announcement import find_running
from cloud.testing.contract.probes import wheel
from processes import descendants, processor_seconds, proportional_megabytes
from targets import Targets

BUCKET, PACKAGE = "homework", "work-1-py3-none-any.whl"
WORKS = "import time\nprint('begins', time.time(), flush=True)\ntime.sleep(1)\nprint('ends', time.time(), flush=True)\n"
FINAL = ("SUCCEEDED", "FAILED", "CANCELLED")


class Student:
    """Requests of one student's programs."""

    def __init__(self, folder: Path) -> None:
        running = find_running(folder / "cloud")
        if running is None:
            raise SystemExit(f"no cloud runs in {folder}")
        self.project = folder.name
        self._address = running.environ["STORAGE_EMULATOR_HOST"].removeprefix("http://")

    def send(self, method: str, api: str, path: str, body: object = None) -> Any:
        content = body if isinstance(body, bytes) else json.dumps(body).encode() if body is not None else b""
        connection = http.client.HTTPConnection(self._address, timeout=300)
        connection.request(method, path, content, {"Host": f"{api}.googleapis.com"})
        response = connection.getresponse()
        answer = json.loads(response.read() or b"null")
        connection.close()
        if response.status != 200:
            raise SystemExit(f"{self.project}: {method} {path}: {answer}")
        return answer

    def prepare(self) -> None:
        self.send("POST", "storage", f"/storage/v1/b?project={self.project}", {"name": BUCKET})
        account = self.send("GET", "ml", f"/v1/projects/{self.project}:getConfig")["serviceAccount"]
        grant = {"bindings": [{"role": "roles/storage.admin", "members": [f"serviceAccount:{account}"]}]}
        self.send("PUT", "storage", f"/storage/v1/b/{BUCKET}/iam", grant)
        upload = f"/upload/storage/v1/b/{BUCKET}/o?uploadType=media&name={PACKAGE}"
        self.send("POST", "storage", upload, wheel("work.task", WORKS))

    def submit(self) -> float:
        """The time of day when the job was accepted."""
        training = {
            "scaleTier": "BASIC",
            "region": "us-central1",
            "packageUris": [f"gs://{BUCKET}/{PACKAGE}"],
            "pythonModule": "work.task",
        }
        body = {"jobId": "all_at_once", "trainingInput": training}
        self.send("POST", "ml", f"/v1/projects/{self.project}/jobs", body)
        return time.time()

    def begun(self) -> float:
        """The time of day when the job's program began, from its log."""
        body = {"resourceNames": [f"projects/{self.project}"], "filter": 'resource.labels.job_id="all_at_once"'}
        entries = self.send("POST", "logging", "/v2/entries:list", body)["entries"]
        texts = [entry.get("textPayload") or entry["jsonPayload"]["message"] for entry in entries]
        return next(float(text.split()[1]) for text in texts if text.startswith("begins"))

    def wait(self) -> Mapping[str, Any]:
        while (job := self.send("GET", "ml", f"/v1/projects/{self.project}/jobs/all_at_once"))["state"] not in FINAL:
            time.sleep(0.5)
        return job


class PeakMemory(threading.Thread):
    """Of a process and its descendants, while it runs."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.pid, self.megabytes, self.over = pid, 0.0, threading.Event()

    def run(self) -> None:
        while not self.over.wait(1.0):
            self.megabytes = max(self.megabytes, memory(self.pid))


def memory(pid: int) -> float:
    total = 0.0
    with suppress(OSError):
        for each in [pid, *descendants(pid)]:
            with suppress(OSError, ValueError):  # it has just ended
                total += proportional_megabytes(each)
    return total


def reset(address: str, project: str, cookie: str, csrf: str) -> float:
    began = time.perf_counter()
    connection = http.client.HTTPConnection(urllib.parse.urlsplit(address).netloc, timeout=120)
    headers = {"Cookie": cookie, "Content-Type": "application/x-www-form-urlencoded"}
    connection.request("POST", f"/reset/{project}", f"csrf={csrf}", headers)
    if connection.getresponse().status != 303:
        raise SystemExit("the reset was refused")
    connection.close()
    return time.perf_counter() - began


def page(address: str, path: str, cookie: str = "") -> tuple[str, str]:
    """Text and cookie."""
    connection = http.client.HTTPConnection(urllib.parse.urlsplit(address).netloc, timeout=60)
    connection.request("GET", path, headers={"Cookie": cookie})
    response = connection.getresponse()
    text, given = response.read().decode(), response.headers.get("Set-Cookie", "")
    connection.close()
    return text, given.partition(";")[0]


def main(count: int) -> int:
    targets = Targets()
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-m", "cloud.classroom", "--students", str(count), "--state", folder, "--lang", "en"],
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            measure(process, Path(folder), count, began, targets)
        finally:
            began = time.perf_counter()
            process.terminate()
            process.communicate()
            targets.report("ended, seconds", time.perf_counter() - began)
    return targets.status


def measure(process: "subprocess.Popen[str]", folder: Path, count: int, began: float, targets: Targets) -> None:
    welcome = ""
    assert process.stdout is not None
    while "Ctrl-C ends it." not in welcome:
        welcome += process.stdout.readline()
    targets.report(f"{count} clouds started, seconds", time.perf_counter() - began, at_most=60)
    targets.report(
        "of them busy, seconds of one processor", processor_seconds([process.pid, *descendants(process.pid)])
    )
    time.sleep(5)
    targets.report("memory of the whole class, MB (PSS)", memory(process.pid), at_most=2500)
    targets.report("of it the class's own process", proportional_megabytes(process.pid))
    print(re.search(r"\d+ jobs? runs? at a time", welcome)[0])  # type: ignore[index]
    students = [Student(folder / f"student-{number:02}") for number in range(1, count + 1)]
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(Student.prepare, students))
    peak = PeakMemory(process.pid)
    peak.start()
    began = time.perf_counter()
    accepted = [student.submit() for student in students]
    with ThreadPoolExecutor(count) as threads:
        jobs = list(threads.map(Student.wait, students))
    took = time.perf_counter() - began
    peak.over.set()
    targets.report("students whose job succeeded", sum(job["state"] == "SUCCEEDED" for job in jobs), at_least=count)
    targets.report("all submitted within, seconds", max(accepted) - min(accepted))
    targets.report("until all had ended, seconds", took)
    begun = [student.begun() for student in students]
    turns, order = (sorted(range(count), key=times.__getitem__) for times in (accepted, begun))
    moved = max(abs(turns.index(each) - order.index(each)) for each in range(count))
    # Of those that hold slots at the same time, one may be quicker.
    targets.report("most places by which a job began out of turn", moved, at_most=5)
    targets.report("peak of memory with the jobs, MB (PSS)", peak.megabytes)
    address = re.findall(r"http://\S+", welcome)[0]
    path, query = urllib.parse.urlsplit(address)[2:4]
    cookie = page(address, f"{path}?{query}")[1]
    csrf = re.findall(r'name="csrf" value="([^"]+)"', page(address, "/", cookie)[0])[0]
    times = [reset(address, f"student-{number:02}", cookie, csrf) for number in (1, 2, 3)]
    targets.report("a student's reset, seconds (median of 3)", statistics.median(times))


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 30))
