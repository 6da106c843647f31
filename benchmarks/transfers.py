"""Large objects through the gateway, TLS and access control, relative to plain fake-gcs-server.

    python benchmarks/transfers.py

All in one run, medians of ROUNDS, interleaved:

- *up*, *down*: 256 MB with google-cloud-storage in a process of its own, through ``python -m cloud.serve`` (HTTPS
  through the proxy, a token, the bucket's policy), and directly to a second fake-gcs-server, by plain HTTP, with the
  options of the cloud's own. Downloads are compared with uploads, outside of the time measured. Targets: at least 0.5
  of the direct speed, each way.
- *TensorFlow*: 64 MB written and read with ``gs://``, reported without a target.
- *memory*: the peak of the serving process (proportional set size, sampled every 50 ms) during the upload and download
  of 1 GB. Target: below 200 MB. That of fake-gcs-server, which is another program, is reported.

Exits with status 1 if a target is missed.
"""

import contextlib
import hashlib
import json
import os
import socket
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


def storage_client(target: str) -> None:
    """Reads "up FILE NAME" and "down NAME FILE" from stdin; prints the seconds each took."""
    from google.auth.credentials import AnonymousCredentials
    from google.cloud import storage

    if target == "cloud":
        os.environ.pop("STORAGE_EMULATOR_HOST")  # it would bypass the gateway's TLS and the token
        client = storage.Client()
    else:
        client = storage.Client("direct", AnonymousCredentials(), client_options={"api_endpoint": target})
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
    seconds = []
    for _ in range(3):
        times = [time.perf_counter()]
        with tf.io.gfile.GFile("gs://transfers/tensorflow", "wb") as file:
            file.write(content)
        times.append(time.perf_counter())
        with tf.io.gfile.GFile("gs://transfers/tensorflow", "rb") as file:
            read = file.read()
        times.append(time.perf_counter())
        assert read == content
        seconds.append((times[1] - times[0], times[2] - times[1]))
    print(json.dumps([statistics.median(column) for column in zip(*seconds, strict=True)]))


class Client:
    def __init__(self, target: str) -> None:
        argv = [sys.executable, SCRIPT, "client", target]
        self._process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def seconds(self, *command: object) -> float:
        assert self._process.stdin
        assert self._process.stdout
        print(*command, file=self._process.stdin, flush=True)
        return float(self._process.stdout.readline())

    def close(self) -> None:
        self._process.communicate()


# -------------------------------------------------------------------- memory


class MemoryMonitor:
    """Samples the memory of processes from construction to ``stop``."""

    def __init__(self, **processes: int) -> None:
        self._processes = processes
        self._stopped = threading.Event()
        self.peak = dict.fromkeys(processes, 0.0)
        self._thread = threading.Thread(target=self._sample)
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join()

    def _sample(self) -> None:
        while not self._stopped.wait(0.05):
            for name, pid in self._processes.items():
                self.peak[name] = max(self.peak[name], proportional_megabytes(pid))


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
    """Start one that every process reaches; yields its URL."""
    from cloud.engine.storage.server_binary import find_binary

    options = ["-backend", "filesystem", "-filesystem-root", str(folder / "direct"), "-scheme", "http"]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = ["-host", "127.0.0.1", "-port", str(free.getsockname()[1])]
    url = f"http://127.0.0.1:{address[-1]}"
    with subprocess.Popen(
        [find_binary(None), *options, *address, "-external-url", url],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=os.environ | {"GOMEMLIMIT": "128MiB", "GOGC": "50", "TMPDIR": str(folder)},
    ) as process:
        try:
            assert process.stdout
            while b"server started at" not in process.stdout.readline():
                assert process.poll() is None
            threading.Thread(target=process.stdout.read).start()
            yield url
        finally:
            process.terminate()


def compare(folder: Path) -> int:
    whole, small, back = folder / "whole", folder / "small", folder / "back"
    write(whole, SIZE)
    write(small, TENSORFLOW_SIZE)
    expected = digest(whole)
    times: dict[str, list[float]] = {}
    with fake_gcs_server(folder) as url:
        clients = {"direct": Client(url), "cloud": Client("cloud")}
        for _ in range(ROUNDS):
            for name, client in clients.items():
                times.setdefault(f"up {name}", []).append(client.seconds("up", whole, "object"))
            for name, client in clients.items():
                times.setdefault(f"down {name}", []).append(client.seconds("down", "object", back))
                assert digest(back) == expected
        clients["direct"].close()
    median = {name: statistics.median(values) for name, values in times.items()}
    targets = Targets()
    for way in ("up", "down"):
        direct, ours = median[f"{way} direct"], median[f"{way} cloud"]
        text = f"{SIZE >> 20} MB {way:4}: {ours:6.2f} s, fake-gcs-server directly {direct:6.2f} s; speed"
        targets.report(text, direct / ours, at_least=AT_LEAST)
    argv = [sys.executable, SCRIPT, "tensorflow", str(folder)]
    output = subprocess.run(argv, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
    written, read = json.loads(output)
    print(f"{TENSORFLOW_SIZE >> 20} MB with TensorFlow's gs://: written in {written:.2f} s, read in {read:.2f} s")
    whole.unlink()
    write(whole, MEMORY_SIZE)
    serving = os.getppid()
    (server,) = [pid for pid in children(serving) if "fake-gcs-server" in Path(f"/proc/{pid}/cmdline").read_text()]
    monitor = MemoryMonitor(serving=serving, server=server)
    clients["cloud"].seconds("up", whole, "gigabyte")
    clients["cloud"].seconds("down", "gigabyte", back)
    monitor.stop()
    assert digest(back) == digest(whole)
    clients["cloud"].close()
    targets.report("MB of memory over 1 GB", monitor.peak["serving"], at_most=MEGABYTES_AT_MOST)
    targets.report("fake-gcs-server's", monitor.peak["server"])
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
        case ["client", target]:
            storage_client(target)
        case ["tensorflow", folder]:
            tensorflow_client(Path(folder))
        case _:
            print(__doc__)
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
