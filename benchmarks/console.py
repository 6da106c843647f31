"""What the console costs, and how soon one sees what happens.

    python benchmarks/console.py

- *first page*: from the request for a new console's address to its first page.
- *line*: from a job's ``print`` to the line on the screen of a Chromium (without one: to the event).
- *clients*: the processor time of the cloud with 100 readers of one job's events, less that with none, over the job's.
- *large*: a page of the list with 10,000 jobs over one with 100; a page of a log of 200 MB over one of 2 MB.

Rounds are interleaved, figures are medians. Exits with status 1 if a target is missed.
"""

import asyncio
import http.client
import http.cookiejar
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from scale import LONG, SHORT, seed, write_log

from cloud.resources import Job
from cloud.server.thread import BackgroundCloud
from cloud.settings import LauncherKind, Settings
from cloud.testing.contract.base import Contract
from processes import processor_seconds
from targets import Targets

if TYPE_CHECKING:
    from cloud.console.server import ConsoleServer

CLIENTS, ROUNDS, SECONDS = 100, 3, 20
FIRST_PAGE, LINE, SHARE, LARGE = 0.5, 0.3, 0.03, 3.0
TRAINS = f"""
import time
began = time.process_time()
printed = 0
while time.process_time() - began < {SECONDS}:
    sum(number * number for number in range(20_000))
    if (time.process_time() - began) * 4 > printed:
        printed += 1
        print("step", printed, "loss=2.4001 rmse=2.4300 (205500 rows/s)", flush=True)
"""
TELLS = """
import time
time.sleep(3)
for _ in range(20):
    print("now", time.time(), flush=True)
    time.sleep(0.37)
"""


class Reader:
    """A logged-in program."""

    def __init__(self, console: "ConsoleServer") -> None:
        self.cookies = http.cookiejar.CookieJar()
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(self.cookies)
        )
        self.root = f"http://127.0.0.1:{console.port}"
        began = time.perf_counter()
        self._read(console.address())
        self.first_page = time.perf_counter() - began

    def seconds(self, path: str) -> float:
        began = time.perf_counter()
        self._read(f"{self.root}{path}")
        return time.perf_counter() - began

    def _read(self, address: str) -> bytes:
        with self.open(address) as answer:
            return bytes(answer.read())

    def open(self, address: str) -> http.client.HTTPResponse:
        answer: http.client.HTTPResponse = self._opener.open(address, timeout=120)
        return answer

    @property
    def cookie(self) -> str:
        return "; ".join(f"{each.name}={each.value}" for each in self.cookies)


def submit(cloud: BackgroundCloud, bucket: str, source: str) -> Job:
    with tempfile.TemporaryDirectory() as folder:
        return cloud.run(Contract().submit(cloud.backend, bucket, Path(folder), source))


def cost_of_clients(cloud: BackgroundCloud, reader: Reader, bucket: str, count: int) -> float:
    """Seconds of this process's processor while a job runs and ``count`` clients follow it."""
    job = submit(cloud, bucket, TRAINS)
    command = [sys.executable, __file__, "follow", f"{reader.root}/jobs/{job.job_id}/events", reader.cookie, str(count)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as clients:
        assert clients.stdout is not None
        clients.stdout.readline()  # all are connected
        before = processor_seconds([os.getpid()])
        cloud.run(cloud.backend.wait_for_job(job.job_id, timeout=600))
        after = processor_seconds([os.getpid()])
    return after - before


async def follow(address: str, cookie: str, count: int) -> None:
    """Be ``count`` clients, until the job ends."""
    host, _, path = address.removeprefix("http://").partition("/")
    name, _, port = host.partition(":")

    async def connect() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection(name, int(port), limit=1 << 26)
        writer.write(f"GET /{path} HTTP/1.1\r\nHost: {host}\r\nCookie: {cookie}\r\n\r\n".encode())
        await reader.readuntil(b"\r\n\r\n")
        return reader, writer

    async def read(reader: asyncio.StreamReader) -> None:
        await reader.readuntil(b"event: end")

    clients = [await connect() for _ in range(count)]
    print("connected", flush=True)
    await asyncio.gather(*(read(reader) for reader, _ in clients))


def delays(cloud: BackgroundCloud, reader: Reader, console: "ConsoleServer", bucket: str) -> list[float]:
    """Of each line that a job prints, until it is on the screen."""
    watch = """() => {
        window.delays = [];
        new MutationObserver((changes) => requestAnimationFrame(() => {
            for (const change of changes) for (const row of change.addedNodes) {
                const found = /now ([0-9.]+)/.exec(row.textContent);
                if (found) window.delays.push(Date.now() / 1000 - Number(found[1]));
            }
        })).observe(document.getElementById("log"), { childList: true });
    }"""
    with suppress(ImportError):
        from playwright.sync_api import sync_playwright

        with sync_playwright() as playwright:
            arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
            browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=arguments)
            page = browser.new_page()
            page.goto(console.address())
            job = submit(cloud, bucket, TELLS)
            page.goto(f"{reader.root}/jobs/{job.job_id}")
            page.evaluate(watch)
            page.locator("#status", has_text="SUCCEEDED").wait_for(timeout=120_000)
            found: list[float] = page.evaluate("window.delays")
            browser.close()
            return found
    job = submit(cloud, bucket, TELLS)
    with reader.open(f"{reader.root}/jobs/{job.job_id}/events") as events:
        lines = (json.loads(line[6:]) for line in events if line.startswith(b"data: "))
        texts = ((time.time(), line.get("text", "")) for line in lines)
        return [now - float(text.split()[1]) for now, text in texts if text.startswith("now ")]


def large(targets: Targets) -> None:
    times: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as few, tempfile.TemporaryDirectory() as many:
        for folder, count, size in ((few, 100, SHORT), (many, 10_000, LONG)):
            seed(Path(folder), count)
            write_log(Path(folder), "job_1", size)
        small, big = (
            BackgroundCloud(Settings(state_dir=Path(folder), launcher=LauncherKind.COLD)) for folder in (few, many)
        )
        with small, big:
            readers = {"few": Reader(small.start_console()), "many": Reader(big.start_console())}
            for number in range(8):
                for name, reader in readers.items():
                    for path in ("/jobs", "/jobs/job_1"):
                        seconds = reader.seconds(path)
                        if number:  # the first one builds the log's index
                            times.setdefault(f"{name}{path}", []).append(seconds)
    for path, text in (("/jobs", "10,000 jobs over 100"), ("/jobs/job_1", "a log of 200 MB over one of 2 MB")):
        ratio = statistics.median(times[f"many{path}"]) / statistics.median(times[f"few{path}"])
        targets.report(f"large: {text}, ratio", ratio, at_most=LARGE)


def main() -> int:
    targets = Targets()
    with BackgroundCloud(Settings(launcher=LauncherKind.COLD)) as cloud:
        console = cloud.start_console()
        reader = Reader(console)
        targets.report("first page, seconds", reader.first_page, at_most=FIRST_PAGE)
        bucket = cloud.run(Contract().open_bucket(cloud.backend))
        found = delays(cloud, reader, console, bucket)
        targets.report("line: median, seconds", statistics.median(found), at_most=LINE)
        targets.report("line: the latest, seconds", max(found))
        costs: dict[int, list[float]] = {0: [], CLIENTS: []}
        for _ in range(ROUNDS):
            for count, seconds in costs.items():
                seconds.append(cost_of_clients(cloud, reader, bucket, count))
        more = statistics.median(costs[CLIENTS]) - statistics.median(costs[0])
        targets.report("clients: of the job's processor time", more / SECONDS, at_most=SHARE)
    large(targets)
    return targets.status


if __name__ == "__main__":
    if sys.argv[1:2] == ["follow"]:
        asyncio.run(follow(sys.argv[2], sys.argv[3], int(sys.argv[4])))
    else:
        sys.exit(main())
