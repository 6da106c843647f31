"""The workflow over GcpBackend, the gateway and the emulator, relative to the local backend.

    python benchmarks/gcp.py [--rounds 3] [--steps 300]

Prints, as medians over interleaved rounds in one cloud:
  vertex-ai/local   wall time of the workflow on the emulated Vertex AI over that on the local backend
  ml-engine/local   likewise on the emulated ML Engine
  dry-run/tensorflow   ``cloud.run --backend gcp --dry-run`` over ``python -c "import tensorflow"``
"""

import argparse
import asyncio
import statistics
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

from google.oauth2.service_account import Credentials

from cloud.backends.base import Backend
from cloud.backends.gcp import open_gcp
from cloud.backends.google.logs import Lateness
from cloud.backends.google.network import Network
from cloud.gcs.backoff import Pace
from cloud.serve import LocalCloud
from cloud.settings import Settings
from cloud.workflow import taxifare
from cloud.workflow.google.dry_run import Silent
from cloud.workflow.steps import Plan, Workflow
from processes import seconds

_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_FAST_POLLS = Pace(first=0.02, longest=0.2)


async def existing(folder: Path) -> Path:
    return folder


async def workflow(backend: Backend, data: Path, steps: int, job_id: str) -> float:
    plan = Plan(
        bucket="benchmark-ml",
        data=partial(existing, data),
        package_path=taxifare.package_path(),
        module=taxifare.MODULE,
        args=taxifare.trainer_arguments(steps),
        job_id=job_id,
        model=taxifare.MODEL,
        is_taxifare=True,
    )
    began = time.monotonic()
    async with Workflow(backend, plan, Silent()) as run:
        await run.run()
    return time.monotonic() - began


async def measure(rounds: int, steps: int, data: Path) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {"local": [], "ml-engine": [], "vertex-ai": []}
    async with LocalCloud(Settings(project="benchmark")) as cloud:
        environ = await cloud.owner_environ()
        backends: dict[str, Backend] = {"local": cloud.backend}
        for service in ("ml-engine", "vertex-ai"):
            backends[service] = open_gcp(
                project="benchmark",
                region="us-central1",
                service=service,
                credentials=Credentials.from_service_account_file(
                    environ["GOOGLE_APPLICATION_CREDENTIALS"], scopes=[_SCOPE]
                ),
                network=Network(proxy=cloud.url, ca_file=Path(environ["SSL_CERT_FILE"])),
                pace=_FAST_POLLS,
                lateness=Lateness(overlap=1.0, quiet=0.5),
            )
        await workflow(cloud.backend, data, steps, "warm_up")
        for number in range(rounds):
            for name, backend in backends.items():
                job_id = f"run_{name.replace('-', '_')}_{number}"
                found[name].append(await workflow(backend, data, steps, job_id))
        for name in ("ml-engine", "vertex-ai"):
            await backends[name].close()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=300)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        subprocess.run([sys.executable, "-m", "trainer.sample_data", "--rows", "20000", scratch], check=True)
        found = asyncio.run(measure(options.rounds, options.steps, Path(scratch)))
    medians = {name: statistics.median(times) for name, times in found.items()}
    for name in ("vertex-ai", "ml-engine"):
        print(
            f"{name}/local  {medians[name] / medians['local']:.2f}  ({medians[name]:.2f} s, {medians['local']:.2f} s)"
        )
    pairs = [
        (
            seconds(sys.executable, "-m", "cloud.run", "--backend", "gcp", "--project", "benchmark", "--dry-run"),
            seconds(sys.executable, "-c", "import tensorflow"),
        )
        for _ in range(options.rounds)
    ]
    print(f"dry-run/tensorflow  {statistics.median(dry / tf for dry, tf in pairs):.3f}")


if __name__ == "__main__":
    main()
