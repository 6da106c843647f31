"""Predictions through the whole path (TLS, gateway, ML Engine's API, worker) against a plain aiohttp handler.

    python benchmarks/gateway.py

The whole path is ``python -m cloud.serve``, asked for ``ml.projects.predict``; the plain handler is that of
``prediction.py``, on loopback TCP without TLS, with the same model (``fare_net.py``). One instance a request, each
request another one, every answer checked. Interleaved rounds, medians. Targets: at 8 and at 64 keep-alive clients twice
the plain handler's predictions a second, and at 1 client at most twice its latency.

The client is a process of its own for all connections, raw sockets (and ``ssl``) around ``epoll``, without an event
loop or an HTTP library; connections are kept over all rounds. Each process is kept on one processor: the server on the
first, its worker on the second, the client on the third or, where there are two, beside the worker; the plain handler
has the first for itself. Left to the scheduler, busy processes that wake each other are moved about, and the rates
differ by half from one second to the next. Microseconds of processor that each process takes for an answer are printed,
too: unlike rates, they are much the same on a busy machine. Exits with status 1 if a target is missed.
"""

import contextlib
import itertools
import json
import os
import select
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection, Iterator
from pathlib import Path
from urllib.parse import urlsplit

from fare_net import Case, cases_in, check, make_model
from processes import descendants, keep_on, processor_seconds
from targets import Targets

ROUNDS = 7
SECONDS = 1.0
DEPLOYED_WITHIN = 120.0
CLIENTS = (1, 8, 64)
RATE_AT_LEAST = 2.0
LATENCY_AT_MOST = 2.0
PROJECT = "local-project"
HOST = "ml.googleapis.com"
SCRIPT = str(Path(__file__).resolve())

Figures = dict[str, float]
"""``rate``, answers a second; ``latency``, its median in seconds; and seconds of processor for an answer by process."""


# -------------------------------------------------------------------- the client


class Connection:
    """A kept connection, for one request at a time.

    Args:
        context: for TLS to ``HOST`` by way of a proxy at ``address``; without one, plain HTTP to ``address`` itself.
    """

    def __init__(self, address: tuple[str, int], context: ssl.SSLContext | None = None) -> None:
        self.socket = socket.create_connection(address)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if context:
            self.socket.sendall(f"CONNECT {HOST}:443 HTTP/1.1\r\nHost: {HOST}:443\r\n\r\n".encode())
            assert self.socket.recv(4096).startswith(b"HTTP/1.1 200")
            self.socket = context.wrap_socket(self.socket, server_hostname=HOST)

    def send(self, request: bytes) -> None:
        self.socket.sendall(request)

    def receive(self, expected: Collection[bytes] = ()) -> bytes:
        """The body of the answer; where it is one of those that are expected, it is known to be all of it."""
        head, blank, body = (received := self.socket.recv(4096)).partition(b"\r\n\r\n")
        while body not in expected and (not blank or len(body) < _length(head)):
            received += self.socket.recv(4096)
            head, blank, body = received.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), received
        return body


def _length(head: bytes) -> int:
    start = head.lower().index(b"content-length:") + 15
    return int(head[start:].partition(b"\r\n")[0])


class Client:
    """Keeps one request in flight on each connection; every answer is compared with what the model itself said.

    An answer's bytes are read as JSON when they come for the first time: the client is not what is measured.

    Args:
        head: of each request, without Content-Length.
    """

    def __init__(self, head: str, cases: list[Case], connections: list[Connection]) -> None:
        bodies = [json.dumps({"instances": [instance]}).encode() for instance, _ in cases]
        self._requests = [f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body for body in bodies]
        self._cases, self._connections = cases, connections
        self._right: list[set[bytes]] = [set() for _ in cases]

    def predict_for_a_while(self, clients: int) -> Figures:
        by_descriptor = {each.socket.fileno(): each for each in self._connections[:clients]}
        sent: dict[int, tuple[int, float]] = {}
        latencies: list[float] = []
        turns = itertools.cycle(range(len(self._cases)))
        now, busy = time.perf_counter(), time.process_time()
        start, until = now, now + SECONDS
        with select.epoll() as poll:
            for descriptor, connection in by_descriptor.items():
                poll.register(descriptor, select.EPOLLIN)
                sent[descriptor] = next(turns), time.perf_counter()
                connection.send(self._requests[sent[descriptor][0]])
            while sent:
                ready = poll.poll(10)
                assert ready, "no answer within 10 seconds"
                for descriptor, _ in ready:
                    connection = by_descriptor[descriptor]
                    turn, since = sent.pop(descriptor)
                    self._check(connection, turn)
                    now = time.perf_counter()
                    latencies.append(now - since)
                    if now < until:
                        sent[descriptor] = next(turns), now
                        connection.send(self._requests[sent[descriptor][0]])
        count = len(latencies)
        rate, busy = count / (time.perf_counter() - start), time.process_time() - busy
        return {"count": count, "rate": rate, "latency": statistics.median(latencies), "client": busy / count}

    def _check(self, connection: Connection, turn: int) -> None:
        right = self._right[turn]
        if (body := connection.receive(right)) not in right:
            check(json.loads(body)["predictions"][0]["predictions"][0], self._cases[turn])
            right.add(body)


# -------------------------------------------------------------------- the two servers


@contextlib.contextmanager
def plain_handler(folder: Path) -> Iterator[tuple[int, int]]:
    """Process id and port of the plain server."""
    argv = [sys.executable, str(Path(SCRIPT).with_name("prediction.py")), "plain", str(folder)]
    with subprocess.Popen(argv, text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        try:
            assert process.stdout is not None
            yield process.pid, json.loads(process.stdout.readline())["ready"]["port"]
        finally:
            process.terminate()


def owner_token() -> str:
    import google.auth
    import google.auth.transport.requests

    credentials, _ = google.auth.default(scopes=["https://www.googleapis.com/auth/cloud-platform"])
    credentials.refresh(google.auth.transport.requests.Request())
    return str(credentials.token)


def deploy(folder: Path) -> None:
    from google.cloud import storage
    from googleapiclient import discovery

    bucket = storage.Client().create_bucket("models")
    for path in (folder / "model").rglob("*"):
        if path.is_file():
            bucket.blob(f"taxi/{path.relative_to(folder / 'model')}").upload_from_filename(path)
    projects = discovery.build("ml", "v1").projects()
    account = projects.getConfig(name=f"projects/{PROJECT}").execute()["serviceAccount"]
    policy = bucket.get_iam_policy()
    policy.bindings.append({"role": "roles/storage.objectViewer", "members": {f"serviceAccount:{account}"}})
    bucket.set_iam_policy(policy)
    projects.models().create(parent=f"projects/{PROJECT}", body={"name": "taxi"}).execute()
    version = {"name": "v1", "deploymentUri": "gs://models/taxi", "runtimeVersion": "2.11", "pythonVersion": "3.7"}
    name = projects.models().versions().create(parent=f"projects/{PROJECT}/models/taxi", body=version).execute()["name"]
    deadline = time.monotonic() + DEPLOYED_WITHIN
    while not (operation := projects.operations().get(name=name).execute()).get("done"):
        assert time.monotonic() < deadline, f"not deployed within {DEPLOYED_WITHIN:g} seconds: {operation}"
        time.sleep(0.2)
    assert "error" not in operation, operation


# -------------------------------------------------------------------- the comparison


def measure(client: Client, clients: int, processes: dict[str, list[int]]) -> Figures:
    """One round, with the processor time that the processes took meanwhile, for each answer."""
    before = {name: processor_seconds(pids) for name, pids in processes.items()}
    figures = client.predict_for_a_while(clients)
    count = figures.pop("count")
    return figures | {name: (processor_seconds(pids) - before[name]) / count for name, pids in processes.items()}


def compare(folder: Path) -> int:
    deploy(folder)
    cases = cases_in(folder)
    proxy, context = urlsplit(os.environ["https_proxy"]), ssl.create_default_context(cafile=os.environ["SSL_CERT_FILE"])
    address = str(proxy.hostname), int(proxy.port or 0)
    server, this = os.getppid(), os.getpid()
    # Not the launchers, which end meanwhile.
    workers = [pid for pid in descendants(server) if b"serving.worker" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    head = f"POST {{}} HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: application/json\r\n"
    whole_head = (
        head.format(f"/v1/projects/{PROJECT}/models/taxi:predict") + f"Authorization: Bearer {owner_token()}\r\n"
    )
    whole = Client(whole_head, cases, [Connection(address, context) for _ in range(max(CLIENTS))])
    rounds: dict[tuple[str, int], list[Figures]] = {}
    with plain_handler(folder) as (plain_pid, port):
        plain = Client(head.format("/predict"), cases, [Connection(("127.0.0.1", port)) for _ in range(max(CLIENTS))])
        keep_on(0, server, plain_pid)
        keep_on(1, *workers)
        keep_on(2, this)
        for clients in CLIENTS * ROUNDS:
            parts = {"server": [server], "worker": workers}
            rounds.setdefault(("plain", clients), []).append(measure(plain, clients, {"server": [plain_pid]}))
            rounds.setdefault(("whole", clients), []).append(measure(whole, clients, parts))
    targets = Targets()
    for clients in CLIENTS:
        sides = [_medians(rounds[side, clients]) for side in ("whole", "plain")]
        text = f"{clients} clients: {_shown(sides[0])}; plain handler {_shown(sides[1])}"
        if clients == 1:
            targets.report(f"{text}; latency", sides[0]["latency"] / sides[1]["latency"], at_most=LATENCY_AT_MOST)
        else:
            targets.report(f"{text}; rate", sides[0]["rate"] / sides[1]["rate"], at_least=RATE_AT_LEAST)
    return targets.status


def _medians(rounds: list[Figures]) -> Figures:
    return {key: statistics.median(each[key] for each in rounds) for key in rounds[0]}


def _shown(figures: Figures) -> str:
    parts = {name: seconds for name, seconds in figures.items() if name not in ("rate", "latency")}
    served = sum(seconds for name, seconds in parts.items() if name != "client")
    each = ", ".join(f"{name} {seconds * 1e6:.0f} us" for name, seconds in parts.items())
    return f"{figures['rate']:.0f}/s {figures['latency'] * 1e3:.2f} ms ({each}; served with {served * 1e6:.0f} us)"


def main(argv: list[str]) -> int:
    match argv:
        case []:
            with tempfile.TemporaryDirectory() as folder:
                make_model(Path(folder))
                serve = [sys.executable, "-m", "cloud.serve", "--project", PROJECT, "--"]
                return subprocess.run([*serve, sys.executable, SCRIPT, "compare", folder], check=False).returncode
        case ["compare", folder]:
            return compare(Path(folder))
        case _:
            print(__doc__)
            return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
