"""Online prediction over HTTP: the serving worker against a plain aiohttp handler, side by side.

    python benchmarks/prediction.py

One instance a request, each request another one, every reply checked against its own request. Both servers are fresh
processes with the same model (``fare_net.py``), the worker on a Unix socket, as a cloud starts it, the plain handler on
loopback TCP; the client is a process of its own, without an event loop's overhead. Interleaved rounds, medians. The
plain handler calls ``signature(**tensors)`` for each request, with the standard library's JSON and event loop, as one
writes it first.

Targets: 4 times the plain handler's rate at 8 clients, 5 times at 64, and no more latency than its at 1. Exits with
status 1 if one is missed. For information also the rate through ``ServingService.predict``, in Python.
"""

import asyncio
import contextlib
import json
import os
import select
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from fare_net import INPUTS, cases_in, check, count_predictions, make_model
from targets import Targets

ROUNDS = 5
SECONDS = 1.5
CLIENTS = (1, 8, 64)
TARGETS = {8: 4.0, 64: 5.0}
SCRIPT = str(Path(__file__).resolve())


# -------------------------------------------------------------------- the plain server, in a process of its own


def serve_plainly(folder: Path) -> None:
    import tensorflow as tf
    from aiohttp import web

    loaded = tf.saved_model.load(str(folder / "model"))
    signature = loaded.signatures["serving_default"]

    async def predict(request: web.Request) -> web.Response:
        instances = (await request.json())["instances"]
        columns = {name: tf.constant([instance[name] for instance in instances], tf.float32) for name in INPUTS}
        outputs = {name: tensor.numpy().tolist() for name, tensor in signature(**columns).items()}
        rows = [dict(zip(outputs, row, strict=True)) for row in zip(*outputs.values(), strict=True)]
        return web.json_response({"predictions": rows})

    async def serve() -> None:
        application = web.Application()
        application.router.add_post("/predict", predict)
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        print(json.dumps({"ready": {"port": runner.addresses[0][1]}}), flush=True)
        await asyncio.Event().wait()

    for size in (1, 2, 1):
        signature(**{name: tf.zeros([size]) for name in INPUTS})
    asyncio.run(serve())


# -------------------------------------------------------------------- the client, in a process of its own


def ask_for_a_while(address: str, clients: int, seconds: float, folder: Path) -> None:
    """Keep ``clients`` requests in flight; print requests per second and the median latency in milliseconds.

    Args:
        address: a port of this machine, or the path of a Unix socket.
    """
    cases = cases_in(folder)
    bodies = [json.dumps({"instances": [instance]}).encode() for instance, _ in cases]
    requests = [
        b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
        % (len(body), body)
        for body in bodies
    ]
    poll = select.poll()
    sockets, asked, heard = {}, {}, {}
    latencies = []
    turn = 0

    def ask(descriptor: int) -> None:
        nonlocal turn
        asked[descriptor] = turn % len(cases), time.perf_counter()
        heard[descriptor] = b""
        sockets[descriptor].sendall(requests[turn % len(cases)])
        turn += 1

    for _ in range(clients):
        if address.isdigit():
            connection = socket.create_connection(("127.0.0.1", int(address)))
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        else:
            connection = socket.socket(socket.AF_UNIX)
            connection.connect(address)
        sockets[connection.fileno()] = connection
        poll.register(connection, select.POLLIN)
        ask(connection.fileno())
    start = time.perf_counter()
    while time.perf_counter() < start + seconds:
        for descriptor, _ in poll.poll(10_000):
            heard[descriptor] += sockets[descriptor].recv(65536)
            head, _, body = heard[descriptor].partition(b"\r\n\r\n")
            if not body.endswith(b"]}]}"):
                continue
            assert head.startswith(b"HTTP/1.1 200"), heard[descriptor]
            case, since = asked[descriptor]
            latencies.append(time.perf_counter() - since)
            value = float(body[body.rindex(b"[") + 1 : body.index(b"]")])
            check(value, cases[case])
            ask(descriptor)
    elapsed = time.perf_counter() - start
    print(json.dumps([len(latencies) / elapsed, statistics.median(latencies) * 1000]))


# -------------------------------------------------------------------- the comparison


@contextlib.contextmanager
def server(*argv: str) -> Iterator[dict[str, int]]:
    """What a server reports when it is ready; it runs as long as the block."""
    environ = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    root = str(Path(SCRIPT).parents[1])
    with subprocess.Popen(
        [sys.executable, *argv], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environ, cwd=root
    ) as process:
        try:
            assert process.stdout is not None
            yield json.loads(process.stdout.readline())["ready"]
        finally:
            process.terminate()


def measure(address: str, clients: int, folder: Path) -> tuple[float, float]:
    argv = [sys.executable, SCRIPT, "client", address, str(clients), str(SECONDS), str(folder)]
    rate, latency = json.loads(subprocess.run(argv, check=True, stdout=subprocess.PIPE).stdout)
    return rate, latency


async def measure_service(folder: Path) -> dict[int, float]:
    """Predictions per second through ``ServingService.predict`` for so many concurrent callers."""
    from cloud.engine.launch.client import Launcher
    from cloud.engine.serving.service import ServingService
    from cloud.names import GsUri
    from cloud.resources import VersionSpec
    from cloud.settings import LauncherKind, inherited_environ

    async def fetch(_: GsUri, destination: Path) -> None:
        await asyncio.to_thread(shutil.copytree, folder / "model", destination, dirs_exist_ok=True)

    cases = cases_in(folder)
    launcher = Launcher(LauncherKind.COLD)
    service = ServingService(
        state_dir=folder / "state", launcher=launcher, fetch=fetch, environ=inherited_environ(), region="us-central1"
    )
    await service.start()
    await service.create_model("taxi")
    await service.create_version(VersionSpec("taxi", "v1", GsUri("bucket", "model")))
    await service.wait_for_version("taxi", "v1")

    rates: dict[int, list[float]] = {}
    for _ in range(3):
        for callers in CLIENTS:
            count, taken = await count_predictions(service.predict, cases, callers, SECONDS)
            rates.setdefault(callers, []).append(count / taken)
    await service.close()
    await launcher.close()
    return {callers: statistics.median(values) for callers, values in rates.items()}


def compare(folder: Path) -> int:
    make_model(folder)
    results: dict[tuple[str, int], list[tuple[float, float]]] = {}
    path = str(folder / "socket")
    worker = ("-m", "cloud.engine.serving.worker", "--model-dir", str(folder / "model"), "--socket", path)
    with server(SCRIPT, "plain", str(folder)) as ready, server(*worker):
        addresses = {"plain": str(ready["port"]), "worker": path}
        for _ in range(ROUNDS):
            for clients in CLIENTS:
                for name, address in addresses.items():
                    results.setdefault((name, clients), []).append(measure(address, clients, folder))
    targets = Targets()
    for clients in CLIENTS:
        (plain, plain_latency), (rate, latency) = (
            tuple(statistics.median(column) for column in zip(*results[name, clients], strict=True))
            for name in ("plain", "worker")
        )
        text = f"{clients:3} clients: plain {plain:.0f}/s {plain_latency:.2f} ms, worker {rate:.0f}/s {latency:.2f} ms"
        if clients in TARGETS:
            targets.report(f"{text}; rate", rate / plain, at_least=TARGETS[clients])
        else:
            targets.report(f"{text}; latency", latency / plain_latency, at_most=1)
    for callers, rate in asyncio.run(measure_service(folder)).items():
        print(f"{callers:3} callers of ServingService.predict: {rate:7.0f}/s")
    return targets.status


def main(argv: list[str]) -> int:
    match argv:
        case []:
            with tempfile.TemporaryDirectory() as folder:
                return compare(Path(folder))
        case ["plain", folder]:
            serve_plainly(Path(folder))
        case ["client", address, clients, seconds, folder]:
            ask_for_a_while(address, int(clients), float(seconds), Path(folder))
        case _:
            print(__doc__)
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
