"""What confinement costs: the start of a job, of a package's build, and of a cloud, with it and without, side by side.

    python benchmarks/confinement.py

Interleaved rounds, medians. *job*: from its submission to its first line in the log, warm; *build*: the same with a new
source distribution; *serve*: ``python -m cloud.serve -- true``.

Targets: a job starts at most 25 ms later, ``cloud.serve -- true`` ends at most 30 ms later. Exits with status 1 if one
is missed.
"""

import asyncio
import contextlib
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path

from launch import package

from cloud.names import GsUri
from cloud.resources import TrainingSpec
from cloud.serve import LocalCloud
from cloud.settings import ConfineMode, Settings
from targets import Targets

ROUNDS = 15
MODES = (ConfineMode.AUTO, ConfineMode.OFF)
AT_MOST = {"job": 25.0, "build": 50.0, "serve": 30.0}
"""Milliseconds."""


async def first_line(cloud: LocalCloud, archive: Path) -> float:
    """Milliseconds from the submission of a job with the package ``archive`` to its first line."""
    uri = GsUri("packages", f"{uuid.uuid4()}/{archive.name}")
    await cloud.backend.upload(archive, uri)
    began = time.perf_counter()
    job = await cloud.backend.submit_job(TrainingSpec(f"j{uuid.uuid4().hex}", (uri,), "trainer.task"))
    async for entry in cloud.backend.follow_logs(job.job_id):
        if entry.message == "first line":
            taken = time.perf_counter() - began
            await cloud.backend.wait_for_job(job.job_id)
            return taken * 1000
    raise AssertionError((await cloud.backend.get_job(job.job_id)).error_message)


async def measure_jobs(folder: Path, found: dict[tuple[str, ConfineMode], list[float]]) -> None:
    async with contextlib.AsyncExitStack() as clouds:
        started = {mode: await clouds.enter_async_context(LocalCloud(Settings(confine=mode))) for mode in MODES}
        for cloud in started.values():
            await cloud.backend.create_bucket("packages")
            await first_line(cloud, package(folder / "trainer-0.tar.gz"))
        for number in range(ROUNDS):
            archive = package(folder / f"trainer-{number + 1}.tar.gz")
            for kind in ("build", "job"):
                for mode, cloud in started.items():
                    found.setdefault((kind, mode), []).append(await first_line(cloud, archive))


def measure_serve(found: dict[tuple[str, ConfineMode], list[float]]) -> None:
    for _ in range(ROUNDS):
        for mode in MODES:
            began = time.perf_counter()
            subprocess.run([sys.executable, "-m", "cloud.serve", "--confine", mode, "--", "true"], check=True)
            found.setdefault(("serve", mode), []).append((time.perf_counter() - began) * 1000)


def main() -> int:
    found: dict[tuple[str, ConfineMode], list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(measure_jobs(Path(folder), found))
    measure_serve(found)
    targets = Targets()
    for kind, most in AT_MOST.items():
        confined, free = (statistics.median(found[kind, mode]) for mode in MODES)
        targets.report(f"{kind}: {confined:.0f} ms confined, {free:.0f} ms not; ms more", confined - free, at_most=most)
    return targets.status


if __name__ == "__main__":
    sys.exit(main())
