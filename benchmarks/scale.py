"""What a call costs as jobs and logs grow: through Google's APIs over HTTP, few against many.

    python benchmarks/scale.py

- *jobs*: ``ml.projects.jobs`` create, get, a page of 100 of list, one of the 90 that a filter leaves of 100, and the
  second page of 50, where there are 10,000 jobs over where there are 100; the worst pause of the event loop meanwhile.
- *log*: a page of ``logging.entries.list`` in the middle of a log of 200 MB over one of 2 MB.
- *start*: a local cloud with the state of 10,000 finished jobs over one with none.

Jobs are seeded through their records, logs are written as jobs write them. Ratios are of medians over interleaved
rounds. Exits with status 1 if a target is missed.
"""

import asyncio
import http.client
import json
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from cloud.engine.jobs.logs import JobLog
from cloud.engine.jobs.records import JobRecords
from cloud.engine.state_folder import StateFolder
from cloud.lifecycle import JobState
from cloud.names import GsUri
from cloud.resources import Job, TrainingSpec
from cloud.resources.log_entries import LogEntry, Severity
from cloud.server.thread import BackgroundCloud
from cloud.settings import LauncherKind, Settings
from targets import Targets

FEW, MANY = 100, 10_000
SHORT, LONG = 2 * 10**6, 200 * 10**6
ROUNDS, STARTS = 15, 3
AT_MOST, LOG_AT_MOST, START_AT_MOST, PAUSE_AT_MOST = 2.0, 3.0, 1.5, 50.0
PROJECT = "/v1/projects/local-project"
BEGINNING = datetime(2020, 1, 1, tzinfo=UTC)
STEP = timedelta(milliseconds=10)
"""Between two lines of a log."""
PACKAGES = (GsUri("not-there", "trainer-0.tar.gz"),)


def seed(folder: Path, count: int) -> None:
    """Finished jobs, one in ten of them FAILED."""
    state = StateFolder(folder)
    records = JobRecords(state.folder("jobs") / "jobs.sqlite")
    for number in range(count):
        ended = JobState.FAILED if number % 10 == 0 else JobState.SUCCEEDED
        moment = BEGINNING + timedelta(minutes=number)
        spec = TrainingSpec(f"job_{number}", PACKAGES, "trainer.task", args=("--steps", "100"))
        records.add(Job(spec, ended, moment, moment, moment))
    records.close()
    state.close()


def write_log(folder: Path, job_id: str, size: int) -> int:
    """A log of so many bytes; returns how many lines it has."""
    path = folder / "jobs" / "logs" / f"{job_id}.jsonl"
    path.parent.mkdir(exist_ok=True)
    log, line = JobLog(path), 0
    while line % 100 or not path.exists() or path.stat().st_size < size:
        log.append(LogEntry(BEGINNING + line * STEP, Severity.INFO, "master-replica-0", f"step {line} " + "x" * 300))
        line += 1
    return line


class Client:
    """One kept connection to the loopback address of a cloud, as its owner."""

    def __init__(self, cloud: BackgroundCloud) -> None:
        address = urlsplit(cloud.environ["STORAGE_EMULATOR_HOST"])
        self._connection = http.client.HTTPConnection(str(address.hostname), address.port)

    def send(self, verb: str, path: str, body: Any = None, *, api: str = "ml") -> Any:
        content = None if body is None else json.dumps(body)
        self._connection.request(verb, path, content, {"Host": f"{api}.googleapis.com"})
        reply = self._connection.getresponse()
        answer = json.loads(reply.read())
        assert reply.status == 200, answer
        return answer

    def page(self, size: int, query: str = "") -> Any:
        found = self.send("GET", f"{PROJECT}/jobs?pageSize={size}{query}")
        return found.get("nextPageToken")

    def log_page(self, job_id: str, lines: int, token: str = "") -> str:
        middle = (BEGINNING + lines // 2 * STEP).isoformat()
        body = {
            "resourceNames": ["projects/local-project"],
            "filter": f'resource.labels.job_id="{job_id}" AND timestamp>="{middle}"',
            "pageSize": 100,
            "pageToken": token,
        }
        answer = self.send("POST", "/v2/entries:list", body, api="logging")
        assert len(answer["entries"]) == 100
        return str(answer["nextPageToken"])


def seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def job_calls(client: Client, count: int, round_: int) -> Iterator[tuple[str, float]]:
    body = {
        "jobId": f"new_{round_}",
        "trainingInput": {"packageUris": [str(PACKAGES[0])], "pythonModule": "x", "region": "us-central1"},
    }
    yield "submit", seconds(lambda: client.send("POST", f"{PROJECT}/jobs", body))
    yield "get", seconds(lambda: client.send("GET", f"{PROJECT}/jobs/job_{count // 2}"))
    yield "a page of 100", seconds(lambda: client.page(100))
    yield "a filtered page", seconds(lambda: client.page(90, f"&filter={quote('state:SUCCEEDED')}"))
    following = f"&pageToken={client.page(50)}"
    yield "the next page", seconds(lambda: client.page(50, following))


async def worst_pause(until: threading.Event) -> tuple[float, float]:
    """Seconds that the event loop took longest for anything, until then: by the clock, and of its thread's processor
    time, which a busy machine does not change."""
    worst = busiest = 0.0
    before, used = time.perf_counter(), time.thread_time()
    while not until.is_set():
        await asyncio.sleep(0.001)
        now, all_used = time.perf_counter(), time.thread_time()
        worst, before = max(worst, now - before - 0.001), now
        busiest, used = max(busiest, all_used - used), all_used
    return worst, busiest


@contextmanager
def opened(folder: Path) -> Iterator[BackgroundCloud]:
    with BackgroundCloud(Settings(state_dir=folder, launcher=LauncherKind.COLD)) as cloud:
        yield cloud


def main() -> int:
    targets = Targets()
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folders = {count: Path(name) / str(count) for count in (0, FEW, MANY)}
        for count, folder in folders.items():
            seed(folder, count)
        starts: dict[int, list[float]] = {0: [], MANY: []}
        for _ in range(STARTS):
            for count, measured in starts.items():
                start = time.perf_counter()
                with opened(folders[count]):
                    measured.append(time.perf_counter() - start)
        lines = {size: write_log(folders[FEW], f"job_{size == LONG:d}", size) for size in (SHORT, LONG)}

        clouds = {count: stack.enter_context(opened(folders[count])) for count in (FEW, MANY)}
        clients = {count: Client(cloud) for count, cloud in clouds.items()}
        taken: dict[tuple[str, int], list[float]] = {}
        ended, pool = threading.Event(), stack.enter_context(ThreadPoolExecutor())
        pauses = [pool.submit(cloud.run, worst_pause(ended)) for cloud in clouds.values()]
        for round_ in range(ROUNDS):
            for count, client in clients.items():
                for what, each in job_calls(client, count, round_):
                    taken.setdefault((what, count), []).append(each)
            for size in (SHORT, LONG):
                job_id = f"job_{size == LONG:d}"
                token = clients[FEW].log_page(job_id, lines[size])
                each = seconds(lambda: clients[FEW].log_page(job_id, lines[size], token))  # noqa: B023 - called at once
                taken.setdefault(("log", size), []).append(each)
        ended.set()
        pause, busiest = (max(each) for each in zip(*(found.result() for found in pauses), strict=True))

    def compare(what: str, measured: dict[tuple[str, int], list[float]], few: int, many: int, at_most: float) -> None:
        one, other = (statistics.median(measured[what, size]) for size in (few, many))
        text = f"{what:16} {one * 1000:8.2f} ms at {few}, {other * 1000:8.2f} at {many}, ratio"
        targets.report(text, other / one, at_most=at_most)

    for what in dict.fromkeys(what for what, _ in taken if what != "log"):
        compare(what, taken, FEW, MANY, AT_MOST)
    compare("log", taken, SHORT, LONG, LOG_AT_MOST)
    compare("start", {("start", count): measured for count, measured in starts.items()}, 0, MANY, START_AT_MOST)
    text = f"worst pause of the event loop ({busiest * 1000:.0f} ms of a processor), ms"
    targets.report(text, pause * 1000, at_most=PAUSE_AT_MOST)
    return targets.status


if __name__ == "__main__":
    sys.exit(main())
