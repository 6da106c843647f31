"""What the request inspector costs: processor time of an answer with and without the recorder.

    python benchmarks/recorder.py [--requests 20] [--rounds 1000]

The requests, ``ml.projects.jobs.list``, are answered by the whole emulator in this process, over a connection in
memory; both are measured alternately in the same run, and the medians of the rounds are compared. Prints, in
microseconds,
  without   an answer
  recorder  what the recorder adds to one, target at most 5
"""

import argparse
import asyncio
import gc
import statistics
import sys
import tempfile
import time
from pathlib import Path

from cloud.backends.memory import MemoryBackend
from cloud.emulator.app import Emulator
from cloud.emulator.ml_v1.addresses import HOSTS
from cloud.emulator.ml_v1.routes import MlV1
from cloud.emulator.mounts import Mount
from cloud.emulator.oauth2.keys import KeyRing
from cloud.emulator.oauth2.tokens import TokenRegistry
from cloud.emulator.recorder import Recorder
from cloud.engine.project.identities import owner, project_number
from cloud.testing.client import Client
from targets import Targets


async def measured(requests: int, rounds: int, state: Path) -> tuple[float, float]:
    """Seconds of processor time of an answer: without the recorder, and what it adds."""
    tokens, project = TokenRegistry(), "my-project"
    backend = MemoryBackend(project)
    number = project_number(project)
    api = MlV1(backend, project_number=number, tenant_number=number, state_dir=state)
    emulator = Emulator(project, "us-central1", api, tokens, KeyRing())
    emulator.mount(Mount(HOSTS, r".*", api))
    seconds: dict[bool, list[float]] = {False: [], True: []}
    headers = {"User-Agent": "google-cloud-sdk gcloud/528.0.0 command/gcloud.ai-platform.jobs.list invocation-id/1"}
    token = tokens.issue(owner(project)).value
    gc.collect()
    gc.freeze()  # as cloud.serve does
    async with Client(emulator, host="ml.googleapis.com", token=token) as client:
        for turn in range(2 * rounds + 2):
            recorded = bool(turn % 2)
            emulator.recorder = Recorder() if recorded else None
            start = time.process_time()
            for _ in range(requests):
                response = await client.request(
                    "GET", f"/v1/projects/{project}/jobs?alt=json&pageSize=100", headers=headers
                )
            if response.status != 200:
                raise RuntimeError(response.text)
            if turn >= 2:
                seconds[recorded].append((time.process_time() - start) / requests)
    without, with_it = (statistics.median(seconds[recorded]) for recorded in (False, True))
    return without, with_it - without


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=1000)
    options = parser.parse_args()
    targets = Targets()
    with tempfile.TemporaryDirectory() as state:
        without, recorder = asyncio.run(measured(options.requests, options.rounds, Path(state)))
    targets.report("without, microseconds", without * 1e6)
    targets.report("recorder, microseconds", recorder * 1e6, at_most=5)
    return targets.status


if __name__ == "__main__":
    sys.exit(main())
