"""Batch prediction of JSON lines, end to end on the local bucket, against what the worker alone answers.

    python benchmarks/batch_prediction.py [--rows N] [--more-rows N]

The instances are five floats each, the model is that of ``fare_net.py``. End to end is a job of ML Engine: from
``submit_job`` until it SUCCEEDED, with the start of its run, the copies from and to the bucket and all writing. The
worker alone is the same model in the same cloud, asked for the same rows from memory, 512 a request, four requests at a
time, and its answers thrown away. Interleaved, three rounds, medians.

Targets: 0.3 of the worker's rate; memory that does not grow from ``--rows`` to ``--more-rows`` rows, by at most 32 MiB
in the peak of the server and of the worker, each (fake-gcs-server's is shown beside); and an event loop of the server
that is never late by more than 50 ms meanwhile. Exits with status 1 if one is missed.
"""

import argparse
import asyncio
import json
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from math import inf
from pathlib import Path

from cloud.engine.event_loop import run
from cloud.engine.serving.service import ServingService
from cloud.lifecycle import JobState
from cloud.names import GsUri
from cloud.resources import VersionSpec
from cloud.resources.batch_prediction import BatchPredictionSpec
from cloud.server.local import LocalCloud
from cloud.settings import Settings
from fare_net import INPUTS, make_model
from processes import descendants, resident_megabytes
from targets import Targets

ROUNDS = 3
TARGET, MOST_GROWTH, MOST_LATE = 0.3, 32.0, 0.05
BUCKET = "batch-prediction"
_TICK, _SAMPLE = 0.001, 0.05
_ROWS, _REQUESTS = 512, 4


def write_rows(path: Path, count: int) -> None:
    numbers = random.Random(count)  # noqa: S311 - no secret
    with path.open("w") as file:
        for _ in range(count):
            file.write(json.dumps({name: numbers.uniform(-75, 75) for name in INPUTS}) + "\n")


@dataclass
class Watch:
    """Of the event loop and of memory, while jobs run."""

    late: list[float] = field(default_factory=list)
    peaks: dict[str, float] = field(default_factory=dict)

    @asynccontextmanager
    async def on(self) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(self._tick()), asyncio.create_task(self._sample())]
        yield
        for task in tasks:
            task.cancel()

    async def _tick(self) -> None:
        while True:
            began = time.perf_counter()
            await asyncio.sleep(_TICK)
            self.late.append(time.perf_counter() - began - _TICK)

    async def _sample(self) -> None:
        while True:
            for name, pids in _processes().items():
                used = sum(map(resident_megabytes, pids))
                self.peaks[name] = max(self.peaks.get(name, 0.0), used)
            await asyncio.sleep(_SAMPLE)


def _processes() -> dict[str, list[int]]:
    found: dict[str, list[int]] = {"server": [os.getpid()], "worker": [], "fake-gcs-server": []}
    for pid in descendants(os.getpid()):
        try:
            command = Path(f"/proc/{pid}/cmdline").read_bytes() + Path(f"/proc/{pid}/comm").read_bytes()
        except OSError:
            continue
        if b"fake-gcs" in command:
            found["fake-gcs-server"].append(pid)
        elif b"serving" in command:
            found["worker"].append(pid)
    return found


async def worker_alone(serving: ServingService, lines: list[bytes]) -> float:
    """Seconds for all rows."""
    _, server = serving.served("taxi", "v1")
    starts = range(0, len(lines), _ROWS)
    requests = iter([b'{"instances":[' + b",".join(lines[start : start + _ROWS]) + b"]}" for start in starts])

    async def ask() -> None:
        for body in requests:
            status, _ = await server.post("/predict", body)
            assert status == 200

    began = time.perf_counter()
    await asyncio.gather(*(ask() for _ in range(_REQUESTS)))
    return time.perf_counter() - began


async def job(cloud: LocalCloud, job_id: str, count: int) -> float:
    """Seconds for all rows, end to end."""
    spec = BatchPredictionSpec(
        job_id,
        (GsUri(BUCKET, f"rows-{count}.json"),),
        GsUri(BUCKET, job_id),
        model="taxi",
    )
    began = time.perf_counter()
    await cloud.backend.submit_job(spec)
    done = await cloud.backend.wait_for_job(job_id)
    seconds = time.perf_counter() - began
    assert done.state is JobState.SUCCEEDED, done.error_message
    assert done.predictions is not None
    assert (done.predictions.succeeded, done.predictions.failed) == (count, 0)
    return seconds


async def measure(folder: Path, rows: int, more_rows: int) -> int:
    targets = Targets()
    async with LocalCloud(Settings(project="benchmark")) as cloud:
        backend = cloud.backend
        await backend.create_bucket(BUCKET)
        await backend.upload(folder / "model", GsUri(BUCKET, "model"))
        await backend.create_model("taxi")
        await backend.create_version(VersionSpec("taxi", "v1", GsUri(BUCKET, "model")))
        await backend.wait_for_version("taxi", "v1")
        for count in {rows, more_rows}:
            write_rows(folder / "rows", count)
            await backend.upload(folder / "rows", GsUri(BUCKET, f"rows-{count}.json"))
        write_rows(folder / "rows", rows)
        alone, whole, watch = [], [], Watch()
        lines = (folder / "rows").read_bytes().splitlines()
        for number in range(ROUNDS):
            alone.append(await worker_alone(backend._serving, lines))
            async with watch.on():
                whole.append(await job(cloud, f"job_{number}", rows))
        rate, of_worker = rows / statistics.median(whole), rows / statistics.median(alone)
        targets.report("rows/s of the worker alone", of_worker)
        targets.report("rows/s end to end", rate)
        targets.report("end to end / worker alone", rate / of_worker, at_least=TARGET)
        late = sorted(watch.late)
        targets.report("ms that the event loop was late at most", 1000 * late[-1], at_most=1000 * MOST_LATE)
        targets.report("ms in 99 % of ticks", 1000 * late[int(len(late) * 0.99)])
        del lines
        if more_rows != rows:
            small, large = Watch(), Watch()
            async with small.on():
                await job(cloud, "small", rows)
            async with large.on():
                seconds = await job(cloud, "large", more_rows)
            targets.report(f"rows/s of {more_rows} rows", more_rows / seconds)
            for name, peak in small.peaks.items():
                print(f"MiB of the {name}: {peak:.0f}, with {more_rows} rows {large.peaks[name]:.0f}")
                # What a bucket's server holds of an object is not this project's.
                most = inf if name == "fake-gcs-server" else MOST_GROWTH
                targets.report("  growth", max(0.0, large.peaks[name] - peak), at_most=most)
    return targets.status


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--more-rows", type=int, default=5_000_000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        make_model(Path(name))
        return run(measure(Path(name), arguments.rows, arguments.more_rows))


if __name__ == "__main__":
    sys.exit(main())
