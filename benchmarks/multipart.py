"""Multipart uploads of the XML API, relative to the same client's upload in one request.

    python benchmarks/multipart.py

1 GB with google-cloud-storage inside ``python -m cloud.serve``, by HTTPS through the proxy with a token, medians of
ROUNDS, interleaved:

- *speed*: ``transfer_manager.upload_chunks_concurrently`` in parts of 32 MB, four at the same time, relative to
  ``upload_from_filename``. Target: at least 0.5.
- *memory*: the peak of what the serving process and all that it started use together (proportional set size, sampled
  every 50 ms) over what they used idle, for each way. Target: at most 200 MB for parts.

Exits with status 1 if a target is missed.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path

from processes import descendants, proportional_megabytes
from targets import Targets

ROUNDS = 3
SIZE = 2**30
PART = 32 * 2**20
AT_ONCE = 4
AT_LEAST = 0.5
MEGABYTES_AT_MOST = 200
SCRIPT = str(Path(__file__).resolve())


def client(path: str) -> None:
    """Reads "parts" and "whole" from stdin; prints the seconds each upload took."""
    from google.cloud import storage
    from google.cloud.storage import transfer_manager

    os.environ.pop("STORAGE_EMULATOR_HOST")  # it would bypass the gateway's TLS and the token
    bucket = storage.Client().create_bucket("multipart")
    for line in sys.stdin:
        blob = bucket.blob(line.strip())
        began = time.perf_counter()
        if blob.name == "parts":
            transfer_manager.upload_chunks_concurrently(
                path, blob, chunk_size=PART, max_workers=AT_ONCE, worker_type=transfer_manager.THREAD
            )
        else:
            blob.upload_from_filename(path)
        print(time.perf_counter() - began, flush=True)
        blob.reload()
        assert blob.size == SIZE


class Memory:
    """The peak of what a process and all that it started use, but this one and its own, until ``stop``; in MB over that
    at construction."""

    def __init__(self, serving: int) -> None:
        self._serving = serving
        self.idle = self.peak = self._now()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._sample)
        self._thread.start()

    def stop(self) -> float:
        self._stopped.set()
        self._thread.join()
        return self.peak - self.idle

    def _now(self) -> float:
        used = 0.0
        clients = {os.getpid(), *descendants(os.getpid())}
        for pid in {self._serving, *descendants(self._serving)} - clients:
            with suppress(OSError):  # it has just ended
                used += proportional_megabytes(pid)
        return used

    def _sample(self) -> None:
        while not self._stopped.wait(0.05):
            self.peak = max(self.peak, self._now())


def compare(folder: Path) -> int:
    path = folder / "content"
    block = os.urandom(2**20)
    with path.open("wb") as file:
        for number in range(SIZE // len(block)):
            file.write(number.to_bytes(8, "big") + block[8:])
    seconds: dict[str, list[float]] = {"whole": [], "parts": []}
    grown = dict.fromkeys(seconds, 0.0)
    argv = [sys.executable, SCRIPT, "client", str(path)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin
        assert process.stdout
        for _ in range(ROUNDS):
            for way in ("parts", "whole"):
                memory = Memory(os.getppid())
                print(way, file=process.stdin, flush=True)
                seconds[way].append(float(process.stdout.readline()))
                grown[way] = max(grown[way], memory.stop())
        process.stdin.close()
    targets = Targets()
    whole, parts = (statistics.median(seconds[way]) for way in ("whole", "parts"))
    targets.report(
        f"{SIZE >> 20} MB in parts: {parts:.2f} s, whole {whole:.2f} s; speed", whole / parts, at_least=AT_LEAST
    )
    targets.report("MB of memory over idle, in parts", grown["parts"], at_most=MEGABYTES_AT_MOST)
    targets.report("MB of memory over idle, whole", grown["whole"])
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
        case ["client", path]:
            client(path)
        case _:
            print(__doc__)
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
