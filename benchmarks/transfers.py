"""Large objects through the gateway, TLS and access control, against the same client straight at fake-gcs-server.

    python benchmarks/transfers.py

Everything in one run, medians of ROUNDS, interleaved:

- *up*, *down*: 256 MB with google-cloud-storage in a process of its own, through ``python -m cloud.serve`` (HTTPS by
  way of the proxy, a token, the bucket's policy), and by the same calls straight at a second fake-gcs-server, on plain
  HTTP, started as the cloud starts its own. What comes back is compared with what was sent, outside of the time taken.
  Targets: speed at least 0.5 of the direct one's, each way.
- *TensorFlow*: 64 MB written and read with ``gs://``, reported beside it.
- *memory*: the most that the serving process holds (proportional set size, looked at every 50 ms) while 1 GB goes up
  and comes down again. Target: below 200 MB. fake-gcs-server's, which is another program, is reported.

Exits with status 1 if a target is missed.
"""

import asyncio
import contextlib
import hashlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from processes import children, proportional_megabytes
from targets import Targets

ROUNDS = 5
SIZE = 256 * 2**20
TENSORFLOW_SIZE = 64 * 2**20
MEMORY_SIZE = 2**30
AT_LEAST = 0.5
MEGABYTES_AT_MOST = 200
SCRIPT = str(Path(__file__).resolve())


# -------------------------------------------------------------------- the clients, each in a process of its own


def storage_client(where: str) -> None:
    """Answers "up FILE NAME" and "down NAME FILE" on stdin with the seconds it took."""
    from google.auth.credentials import AnonymousCredentials
    from google.cloud import storage

    if where == "cloud":
        os.environ.pop("STORAGE_EMULATOR_HOST")  # it would lead past the gateway's TLS, and the token
        client = storage.Client()
    else:
        client = storage.Client("direct", AnonymousCredentials(), client_options={"api_endpoint": where})
    bucket = client.create_bucket("transfers")
    for line in sys.stdin:
        verb, first, second = line.split()
        began = time.perf_counter()
        if verb == "up":
            bucket.blob(second).upload_from_filename(first)
        else:
            bucket.blob(first).download_to_filename(second)
        print(time.perf_counter() - began, flush=True)


def tensorflow_client(folder: Path) -> None:
    import tensorflow as tf

    content = (folder / "small").read_bytes()
    taken = []
    for _ in range(3):
        times = [time.perf_counter()]
        with tf.io.gfile.GFile("gs://transfers/tensorflow", "wb") as file:
            file.write(content)
        times.append(time.perf_counter())
        with tf.io.gfile.GFile("gs://transfers/tensorflow", "rb") as file:
            read = file.read()
        times.append(time.perf_counter())
        assert read == content
        taken.append((times[1] - times[0], times[2] - times[1]))
    print(json.dumps([statistics.median(column) for column in zip(*taken, strict=True)]))


class Client:
    def __init__(self, where: str) -> None:
        argv = [sys.executable, SCRIPT, "client", where]
        self._process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def seconds(self, *command: object) -> float:
        assert self._process.stdin
        assert self._process.stdout
        print(*command, file=self._process.stdin, flush=True)
        return float(self._process.stdout.readline())

    def close(self) -> None:
        self._process.communicate()


# -------------------------------------------------------------------- memory


class Watch:
    """Of the most memory that processes hold, between ``start`` and ``stop``."""

    def __init__(self, **processes: int) -> None:
        self._processes = processes
        self._over = threading.Event()
        self.most = dict.fromkeys(processes, 0.0)
        self._thread = threading.Thread(target=self._look)
        self._thread.start()

    def stop(self) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(0.05):
            for name, pid in self._processes.items():
                self.most[name] = max(self.most[name], proportional_megabytes(pid))


# -------------------------------------------------------------------- the comparison, inside ``cloud.serve``


def write(path: Path, size: int) -> None:
    block = os.urandom(2**20)
    with path.open("wb") as file:
        for number in range(size // len(block)):
            file.write(number.to_bytes(8, "big") + block[8:])


def digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "blake2b").hexdigest()


@contextlib.contextmanager
def fake_gcs_server(folder: Path) -> Iterator[str]:
    """One of its own, in another process of this script; gives its URL."""
    argv = [sys.executable, SCRIPT, "server", str(folder)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        yield process.stdout.readline().strip()
        process.communicate()


async def serve_directly(folder: Path) -> None:
    from cloud.engine.storage.server import FakeGcsServer

    server = FakeGcsServer(folder / "direct")
    await server.start()
    print(server.url, flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await server.close()


def compare(folder: Path) -> int:
    whole, small, back = folder / "whole", folder / "small", folder / "back"
    write(whole, SIZE)
    write(small, TENSORFLOW_SIZE)
    expected = digest(whole)
    taken: dict[str, list[float]] = {}
    with fake_gcs_server(folder) as url:
        clients = {"direct": Client(url), "cloud": Client("cloud")}
        for _ in range(ROUNDS):
            for name, client in clients.items():
                taken.setdefault(f"up {name}", []).append(client.seconds("up", whole, "object"))
            for name, client in clients.items():
                taken.setdefault(f"down {name}", []).append(client.seconds("down", "object", back))
                assert digest(back) == expected
        clients["direct"].close()
    median = {name: statistics.median(values) for name, values in taken.items()}
    targets = Targets()
    for way in ("up", "down"):
        direct, ours = median[f"{way} direct"], median[f"{way} cloud"]
        text = f"{SIZE >> 20} MB {way:4}: {ours:6.2f} s, straight at fake-gcs-server {direct:6.2f} s; speed"
        targets.tell(text, direct / ours, at_least=AT_LEAST)
    argv = [sys.executable, SCRIPT, "tensorflow", str(folder)]
    told = subprocess.run(argv, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
    written, read = json.loads(told)
    print(f"{TENSORFLOW_SIZE >> 20} MB with TensorFlow's gs://: written in {written:.2f} s, read in {read:.2f} s")
    whole.unlink()
    write(whole, MEMORY_SIZE)
    serving = os.getppid()
    (server,) = [pid for pid in children(serving) if "fake-gcs-server" in Path(f"/proc/{pid}/cmdline").read_text()]
    watch = Watch(serving=serving, server=server)
    clients["cloud"].seconds("up", whole, "gigabyte")
    clients["cloud"].seconds("down", "gigabyte", back)
    watch.stop()
    assert digest(back) == digest(whole)
    clients["cloud"].close()
    targets.tell("MB of memory over 1 GB", watch.most["serving"], at_most=MEGABYTES_AT_MOST)
    targets.tell("fake-gcs-server's", watch.most["server"])
    return targets.status


def main(argv: list[str]) -> int:
    match argv:
        case []:
            with tempfile.TemporaryDirectory() as folder:
                inside = [sys.executable, SCRIPT, "compare", folder]
                serve = [sys.executable, "-m", "cloud.serve", "--state", f"{folder}/state", "--launcher", "cold", "--"]
                return subprocess.run([*serve, *inside], check=False).returncode
        case ["compare", folder]:
            return compare(Path(folder))
        case ["client", where]:
            storage_client(where)
        case ["tensorflow", folder]:
            tensorflow_client(Path(folder))
        case ["server", folder]:
            asyncio.run(serve_directly(Path(folder)))
        case _:
            print(__doc__)
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
