"""A call to the emulated Vertex AI over gRPC against the same call over REST, both by Google's own generated client.

    python benchmarks/transports.py

``endpoints.get`` and ``endpoints.list`` by ``EndpointServiceClient``, one at a time on one connection, in interleaved
rounds; the medians of all rounds. Target: a call over gRPC takes at most 1.3 times what it takes over REST. The first
call over gRPC, for which the server loads its modules, is printed without a target. Exits with status 1 if the target
is missed.
"""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from processes import keep_on
from targets import Targets

ROUNDS = 15
CALLS = 40
"""A round."""
AT_MOST = 1.3
PROJECT = "local-project"
PARENT = f"projects/{PROJECT}/locations/us-central1"


def client_of(transport: str) -> Any:
    from google.cloud.aiplatform_v1 import EndpointServiceClient

    options = {"api_endpoint": "us-central1-aiplatform.googleapis.com"}
    return EndpointServiceClient(transport=transport, client_options=options)


def seconds_of(call: Callable[[Any], object], client: Any) -> list[float]:
    seconds = []
    for _ in range(CALLS):
        start = time.perf_counter()
        call(client)
        seconds.append(time.perf_counter() - start)
    return seconds


def compare() -> int:
    clients = {transport: client_of(transport) for transport in ("rest", "grpc")}
    made = clients["rest"].create_endpoint(parent=PARENT, endpoint={"display_name": "e"}).result()
    start = time.perf_counter()
    assert clients["grpc"].get_endpoint(name=made.name) == clients["rest"].get_endpoint(name=made.name)
    targets = Targets()
    targets.report("milliseconds of the first call over gRPC", (time.perf_counter() - start) * 1e3)
    calls: dict[str, Callable[[Any], object]] = {
        "endpoints.get": lambda client: client.get_endpoint(name=made.name),
        "endpoints.list": lambda client: list(client.list_endpoints(parent=PARENT)),
    }
    keep_on(0, os.getppid())
    keep_on(1, os.getpid())
    for name, call in calls.items():
        rounds: dict[str, list[float]] = {transport: [] for transport in clients}
        for _ in range(ROUNDS):
            for transport, client in clients.items():
                rounds[transport] += seconds_of(call, client)
        medians = {transport: statistics.median(seconds) for transport, seconds in rounds.items()}
        text = ", ".join(f"{transport} {seconds * 1e3:.2f} ms" for transport, seconds in medians.items())
        targets.report(f"{name}: {text}; gRPC / REST", medians["grpc"] / medians["rest"], at_most=AT_MOST)
    return targets.status


def main(argv: list[str]) -> int:
    match argv:
        case []:
            serve = [
                sys.executable,
                "-m",
                "cloud.serve",
                "--project",
                PROJECT,
                "--",
                sys.executable,
                __file__,
                "compare",
            ]
            return subprocess.run(serve, check=False).returncode
        case ["compare"]:
            return compare()
        case _:
            print(__doc__)
            return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
