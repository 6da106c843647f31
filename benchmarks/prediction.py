"""Online prediction over HTTP: the serving worker against a plain aiohttp handler, side by side.

    python benchmarks/prediction.py

One instance a request, each request another one, every reply checked against its own request. Both servers are fresh
processes with the same model (five floats through a small dense net) on loopback TCP; the client is a process of its
own, without an event loop's overhead. Interleaved rounds, medians. The plain handler calls ``signature(**tensors)`` for
each request, with the standard library's JSON and event loop, as one writes it first.

Targets: 4 times the plain handler's rate at 8 clients, 8 times at 64, and no more latency than its at 1. Exits with
status 1 if one is missed. For information also the rate through ``ServingService.predict``, in Python.
"""

import asyncio
import contextlib
import itertools
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

INPUTS = ("pickuplon", "pickuplat", "dropofflon", "dropofflat", "passengers")
ROUNDS = 5
SECONDS = 1.5
CLIENTS = (1, 8, 64)
TARGETS = {8: 4.0, 64: 8.0}
SCRIPT = str(Path(__file__).resolve())


# -------------------------------------------------------------------- the model, in a process of its own


def make_model(folder: Path) -> None:
    import numpy as np
    import tensorflow as tf

    class Net(tf.Module):
        def __init__(self) -> None:
            super().__init__()
            sizes = (5, 128, 32, 4, 1)
            shapes = list(itertools.pairwise(sizes))
            self.layers = [tf.Variable(tf.random.stateless_normal(shape, [1, 2]) / shape[0] ** 0.5) for shape in shapes]

        @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name) for name in INPUTS])
        def serve(self, *columns: tf.Tensor) -> dict[str, tf.Tensor]:
            flow = tf.stack(columns, axis=1)
            for layer in self.layers[:-1]:
                flow = tf.nn.leaky_relu(flow @ layer)
            return {"predictions": flow @ self.layers[-1]}

    net = Net()
    tf.saved_model.save(net, str(folder / "model"), signatures={"serving_default": net.serve})
    rows = np.random.default_rng(1).normal(size=(2000, len(INPUTS)))
    expected = net.serve(*(tf.constant(column, tf.float32) for column in rows.T))["predictions"].numpy()[:, 0]
    cases = [
        [dict(zip(INPUTS, row, strict=True)), value]
        for row, value in zip(rows.tolist(), expected.tolist(), strict=True)
    ]
    (folder / "cases.json").write_text(json.dumps(cases))


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


def ask_for_a_while(port: int, clients: int, seconds: float, cases_file: str) -> None:
    """Keep ``clients`` requests in flight; print requests per second and the median latency in milliseconds."""
    cases = json.loads(Path(cases_file).read_text())
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
        connection = socket.create_connection(("127.0.0.1", port))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
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
            assert abs(value - cases[case][1]) <= 1e-4 + 1e-4 * abs(value), (cases[case], body)
            ask(descriptor)
    elapsed = time.perf_counter() - start
    print(json.dumps([len(latencies) / elapsed, statistics.median(latencies) * 1000]))


# -------------------------------------------------------------------- the comparison


@contextlib.contextmanager
def server(*argv: str) -> Iterator[int]:
    """A server's port while it runs."""
    environ = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    root = str(Path(SCRIPT).parents[1])
    with subprocess.Popen(
        [sys.executable, *argv], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environ, cwd=root
    ) as process:
        try:
            assert process.stdout is not None
            yield json.loads(process.stdout.readline())["ready"]["port"]
        finally:
            process.terminate()


def measure(port: int, clients: int, folder: Path) -> tuple[float, float]:
    argv = [sys.executable, SCRIPT, "client", str(port), str(clients), str(SECONDS), str(folder / "cases.json")]
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

    cases = json.loads((folder / "cases.json").read_text())
    launcher = Launcher(LauncherKind.COLD)
    service = ServingService(
        state_dir=folder / "state", launcher=launcher, fetch=fetch, environ=inherited_environ(), region="us-central1"
    )
    await service.start()
    await service.create_model("taxi")
    await service.create_version(VersionSpec("taxi", "v1", GsUri("bucket", "model")))
    await service.wait_for_version("taxi", "v1")

    async def keep_asking(first: int, until: float) -> int:
        count = 0
        while time.perf_counter() < until:
            instance, expected = cases[(first + 64 * count) % len(cases)]
            (answer,) = await service.predict("taxi", [instance])
            value = answer["predictions"][0]
            assert abs(value - expected) <= 1e-4 + 1e-4 * abs(value), (instance, value, expected)
            count += 1
        return count

    rates: dict[int, list[float]] = {}
    for _ in range(3):
        for callers in CLIENTS:
            start = time.perf_counter()
            counts = await asyncio.gather(*(keep_asking(caller, start + SECONDS) for caller in range(callers)))
            rates.setdefault(callers, []).append(sum(counts) / (time.perf_counter() - start))
    await service.close()
    await launcher.close()
    return {callers: statistics.median(values) for callers, values in rates.items()}


def compare(folder: Path) -> int:
    subprocess.run([sys.executable, SCRIPT, "model", str(folder)], check=True, stderr=subprocess.DEVNULL)
    results: dict[tuple[str, int], list[tuple[float, float]]] = {}
    worker = ("-m", "cloud.engine.serving.worker", "--model-dir", str(folder / "model"))
    with server(SCRIPT, "plain", str(folder)) as plain_port, server(*worker) as worker_port:
        for _ in range(ROUNDS):
            for clients in CLIENTS:
                for name, port in (("plain", plain_port), ("worker", worker_port)):
                    results.setdefault((name, clients), []).append(measure(port, clients, folder))
    missed = 0
    for clients in CLIENTS:
        (plain, plain_latency), (rate, latency) = (
            tuple(statistics.median(column) for column in zip(*results[name, clients], strict=True))
            for name in ("plain", "worker")
        )
        if clients in TARGETS:
            target, met = f"at least {TARGETS[clients]:g} x", rate >= TARGETS[clients] * plain
        else:
            target, met = "latency not above", latency <= plain_latency
        missed += not met
        print(
            f"{clients:3} clients: plain {plain:7.0f}/s {plain_latency:6.2f} ms, "
            f"worker {rate:7.0f}/s {latency:6.2f} ms, {rate / plain:5.1f} x; "
            f"target {target}: {'met' if met else 'MISSED'}"
        )
    for callers, rate in asyncio.run(measure_service(folder)).items():
        print(f"{callers:3} callers of ServingService.predict: {rate:7.0f}/s")
    return 1 if missed else 0


def main(argv: list[str]) -> int:
    match argv:
        case []:
            with tempfile.TemporaryDirectory() as folder:
                return compare(Path(folder))
        case ["model", folder]:
            make_model(Path(folder))
        case ["plain", folder]:
            serve_plainly(Path(folder))
        case ["client", port, clients, seconds, cases]:
            ask_for_a_while(int(port), int(clients), float(seconds), cases)
        case _:
            print(__doc__)
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
