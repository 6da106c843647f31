"""Google's API through the whole path (gateway, TLS, ml v1) against what is behind it, and against a bare server.

    python benchmarks/gateway.py

Two comparisons, each a ratio of medians over interleaved rounds:

- *predict*: requests per second that keep-alive clients get of ``ml.projects.predict`` from ``python -m cloud.serve``,
  over those that as many callers of ``LocalBackend.predict`` get inside their own process, each for itself (``join`` is
  what the API asks for, where strangers meet). Both have a worker process of their own with the same model
  (``fare_net.py``); one instance a request, each another one, every answer checked. Target: at least 0.5, at 8 and
  at 64 clients.
- *getConfig*: a round trip on one kept connection, over that to a bare aiohttp handler with TLS of the same kind and an
  answer of the same size. Target: at most 3.

The client is a process of its own for all connections, raw sockets and ``ssl`` around ``epoll``, without an event loop
or an HTTP library; connections are kept over all rounds. LocalBackend's callers are tasks beside it, as its user has
them. Each process is kept on one processor: server and worker on different ones, the client on a third or, where there
are two, beside the worker. Left to the scheduler, busy processes that wake each other are moved about, and the rates
differ by half from one second to the next. On two processors the path's three processes share what LocalBackend's two
have. What each takes of a processor for an answer is printed, too. Exits with status 1 if a target is missed.
"""

import asyncio
import contextlib
import functools
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
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from urllib.parse import urlsplit

from fare_net import Case, answers_of, cases_in, check, make_model
from processes import below, keep_on, processor_seconds
from targets import Targets

ROUNDS = 9
SECONDS = 2.0
ROUND_TRIPS = 1500
DEPLOYED_WITHIN = 120.0
PREDICT_AT_LEAST = 0.5
CONFIG_AT_MOST = 3.0
CLIENTS = (8, 64)
PROJECT = "local-project"
HOST = "ml.googleapis.com"
SCRIPT = str(Path(__file__).resolve())

Rates = dict[str, float]
"""``rate``, answers a second, and seconds of processor time for an answer, by whose they are."""


# -------------------------------------------------------------------- the client


class Connection:
    """A kept connection to an HTTPS server, by way of a proxy unless ``proxy`` is None. For one request at a time."""

    def __init__(self, context: ssl.SSLContext, address: tuple[str, int], *, through_proxy: bool) -> None:
        plain = socket.create_connection(address)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if through_proxy:
            plain.sendall(f"CONNECT {HOST}:443 HTTP/1.1\r\nHost: {HOST}:443\r\n\r\n".encode())
            assert plain.recv(4096).startswith(b"HTTP/1.1 200")
        self.socket = context.wrap_socket(plain, server_hostname=HOST)

    def send(self, request: bytes) -> None:
        self.socket.write(request)  # blocks until all is sent

    def receive(self, expected: Collection[bytes] = ()) -> bytes:
        """The body of the answer; where it is one of those that are expected, it is known to be all of it."""
        head, blank, body = (heard := self.socket.read(4096)).partition(b"\r\n\r\n")
        while body not in expected and (not blank or len(body) < _length(head)):
            heard += self.socket.read(4096)
            head, blank, body = heard.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), heard
        return body

    def ask(self, request: bytes) -> bytes:
        self.send(request)
        return self.receive()


def _length(head: bytes) -> int:
    start = head.lower().index(b"content-length:") + 15
    return int(head[start:].partition(b"\r\n")[0])


def request(token: str, method: str, path: str, body: bytes = b"") -> bytes:
    head = f"{method} {path} HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {token}\r\n"
    return f"{head}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


class Client:
    """Keeps one request in flight on each connection; every answer is compared with what the model itself said.

    An answer's bytes are read as JSON when they come for the first time: the client is not what is measured.
    """

    def __init__(self, requests: list[bytes], cases: list[Case]) -> None:
        self._requests, self._cases = requests, cases
        self._right: list[set[bytes]] = [set() for _ in cases]

    def predict_for_a_while(self, connections: list[Connection]) -> Rates:
        by_descriptor = {connection.socket.fileno(): connection for connection in connections}
        asked: dict[int, int] = {}
        turns, answered = itertools.cycle(range(len(self._cases))), 0
        now, busy = time.perf_counter(), time.process_time()
        start, until = now, now + SECONDS
        with select.epoll() as poll:
            for descriptor, connection in by_descriptor.items():
                poll.register(descriptor, select.EPOLLIN)
                asked[descriptor] = next(turns)
                connection.send(self._requests[asked[descriptor]])
            while asked:
                ready, now = poll.poll(10), time.perf_counter()
                assert ready, "no answer within 10 seconds"
                for descriptor, _ in ready:
                    connection = by_descriptor[descriptor]
                    self._check(connection, asked.pop(descriptor))
                    answered += 1
                    if now < until:
                        asked[descriptor] = next(turns)
                        connection.send(self._requests[asked[descriptor]])
        rate, busy = answered / (time.perf_counter() - start), time.process_time() - busy
        return {"rate": rate, "answers": answered, "client": busy / answered}

    def _check(self, connection: Connection, turn: int) -> None:
        right = self._right[turn]
        if (body := connection.receive(right)) not in right:
            check(json.loads(body)["predictions"][0]["predictions"][0], self._cases[turn])
            right.add(body)


def microseconds_a_round_trip(connection: Connection, asked: bytes) -> float:
    taken = []
    for _ in range(ROUND_TRIPS):
        began = time.perf_counter()
        connection.ask(asked)
        taken.append(time.perf_counter() - began)
    return statistics.median(taken) * 1e6


# -------------------------------------------------------------------- LocalBackend in its own process


async def measure_local_backend(folder: Path) -> None:
    """Answers each number of callers on stdin with what they get, on stdout."""
    from cloud.names import GsUri
    from cloud.resources import Access, VersionSpec
    from cloud.serve import LocalCloud
    from cloud.settings import Settings

    cases = cases_in(folder)
    async with LocalCloud(Settings()) as cloud:
        backend = cloud.backend
        await backend.create_bucket("models")
        for access in Access:
            await backend.grant("models", await backend.ml_service_account(), access)
        await backend.upload(folder / "model", GsUri("models", "taxi"))
        await backend.create_model("taxi")
        await backend.deploy(VersionSpec("taxi", "v1", GsUri("models", "taxi")))
        await answers_of(backend.predict, cases, 1, 0.5)
        print("ready", flush=True)
        while line := await asyncio.to_thread(sys.stdin.readline):
            count, taken = await answers_of(backend.predict, cases, int(line), SECONDS)
            print(json.dumps({"rate": count / taken, "answers": count}), flush=True)


# -------------------------------------------------------------------- the bare server


async def serve_barely(folder: Path) -> None:
    from aiohttp import web

    from cloud.gateway.certs import CertificateAuthority

    answer = json.loads((folder / "config.json").read_text())

    async def handle(_: web.Request) -> web.Response:
        return web.json_response(answer)

    application = web.Application()
    application.router.add_get("/v1/{name:.*}:getConfig", handle)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    authority = CertificateAuthority(folder / "bare")
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=authority.context_for(HOST)).start()
    print(json.dumps([str(authority.file), runner.addresses[0][1]]), flush=True)
    await asyncio.Event().wait()


# -------------------------------------------------------------------- the comparison, inside ``cloud.serve``


@contextlib.contextmanager
def another(role: str, folder: Path) -> Iterator[subprocess.Popen[str]]:
    """This script in another process, in another role."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, SCRIPT, role, str(folder)], text=True, **pipes) as process:
        try:
            yield process
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


def workers_of(server: int, *, but: int | None = None) -> list[int]:
    """The processes below a server without ``but``, which does not belong to it, and those below that."""
    return sorted(set(below(server)) - ({but, *below(but)} if but else set()))


def processor_use(server: int, workers: list[int], run: Callable[[], Rates]) -> Rates:
    """What ``run`` returns, and the processor time that a server and its workers took meanwhile, for each answer."""
    before = processor_seconds([server]), processor_seconds(workers)
    rates = run()
    after = processor_seconds([server]), processor_seconds(workers)
    count = rates.pop("answers")
    return rates | {"server": (after[0] - before[0]) / count, "worker": (after[1] - before[1]) / count}


def compare(folder: Path) -> int:
    proxy = urlsplit(os.environ["https_proxy"])
    context = ssl.create_default_context(cafile=os.environ["SSL_CERT_FILE"])
    token = owner_token()

    def connect() -> Connection:
        return Connection(context, (proxy.hostname, proxy.port), through_proxy=True)

    get_config = request(token, "GET", f"/v1/projects/{PROJECT}:getConfig")
    (folder / "config.json").write_bytes(connect().ask(get_config))
    with another("bare", folder) as bare:
        ca_file, port = json.loads(bare.stdout.readline())
        plain = Connection(ssl.create_default_context(cafile=ca_file), ("127.0.0.1", port), through_proxy=False)
        full = connect()
        pairs = [[microseconds_a_round_trip(one, get_config) for one in (full, plain)] for _ in range(ROUNDS)]
    ours, theirs = (statistics.median(column) for column in zip(*pairs, strict=True))
    targets = Targets()
    targets.tell(f"getConfig {ours:.0f} us, bare handler {theirs:.0f} us", ours / theirs, at_most=CONFIG_AT_MOST)
    deploy(folder)
    cases = cases_in(folder)
    path = f"/v1/projects/{PROJECT}/models/taxi:predict"
    requests = [request(token, "POST", path, json.dumps({"instances": [one]}).encode()) for one, _ in cases]
    client = Client(requests, cases)
    connections = [connect() for _ in range(max(CLIENTS))]
    whole: dict[int, list[Rates]] = {clients: [] for clients in CLIENTS}
    behind: dict[int, list[Rates]] = {clients: [] for clients in CLIENTS}
    with another("local", folder) as local:
        local.stdout.readline()
        server, this = os.getppid(), os.getpid()
        keep_on(0, server, local.pid)
        keep_on(1, *workers_of(server, but=this), *workers_of(local.pid))
        keep_on(2, this)
        for clients in CLIENTS * ROUNDS:
            ask = functools.partial(ask_local_backend, local, clients)
            behind[clients].append(processor_use(local.pid, workers_of(local.pid), ask))
            ask = functools.partial(client.predict_for_a_while, connections[:clients])
            whole[clients].append(processor_use(server, workers_of(server, but=this), ask))
    for clients in CLIENTS:
        text = f"predict, {clients} clients: {shown(whole[clients])}; LocalBackend {shown(behind[clients])}"
        rates = [statistics.median(each["rate"] for each in side[clients]) for side in (whole, behind)]
        targets.tell(text, rates[0] / rates[1], at_least=PREDICT_AT_LEAST)
    return targets.status


def ask_local_backend(local: subprocess.Popen[str], clients: int) -> Rates:
    local.stdin.write(f"{clients}\n")
    local.stdin.flush()
    return json.loads(local.stdout.readline())


def shown(rounds: list[Rates]) -> str:
    median = {key: statistics.median(each[key] for each in rounds) for key in rounds[0]}
    rate = median.pop("rate")
    return f"{rate:.0f}/s (" + ", ".join(f"{name} {seconds * 1e6:.0f} us" for name, seconds in median.items()) + ")"


def main(argv: list[str]) -> int:
    match argv:
        case []:
            with tempfile.TemporaryDirectory() as folder:
                make_model(Path(folder))
                serve = [sys.executable, "-m", "cloud.serve", "--project", PROJECT, "--"]
                return subprocess.run([*serve, sys.executable, SCRIPT, "compare", folder], check=False).returncode
        case ["compare", folder]:
            return compare(Path(folder))
        case ["local", folder]:
            asyncio.run(measure_local_backend(Path(folder)))
        case ["bare", folder]:
            asyncio.run(serve_barely(Path(folder)))
        case _:
            print(__doc__)
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
