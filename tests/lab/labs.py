"""A running ``python -m cloud.lab``."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ADDRESS = re.compile(r"  (http://127\.0\.0\.1:\d+)(/lab/tree/\S+)\?token=(\w+)")
END_SECONDS = 60


@dataclass
class RunningLab:
    process: "subprocess.Popen[str]"
    url: str
    """``http://127.0.0.1:PORT``."""
    path: str
    """That the printed address opens."""
    token: str
    said: list[str]
    """What was printed until it was up."""
    seconds: float
    """From the start to the address."""

    @property
    def address(self) -> str:
        return f"{self.url}{self.path}?token={self.token}"

    def end(self, number: int = signal.SIGINT) -> tuple[int, str]:
        """Exit status, and what it printed since."""
        self.process.send_signal(number)
        said, _ = self.process.communicate(timeout=END_SECONDS)
        return self.process.returncode, said


def start(state: Path, *arguments: str, environ: dict[str, str] | None = None) -> "subprocess.Popen[str]":
    """Start the command; it prints to one pipe."""
    return subprocess.Popen(
        [sys.executable, "-m", "cloud.lab", "--state", state, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, **(environ or {})},
        start_new_session=True,
    )


@contextmanager
def running_lab(state: Path, *arguments: str, environ: dict[str, str] | None = None) -> Iterator[RunningLab]:
    began = time.monotonic()
    process = start(state, "--no-browser", "--port", "0", *arguments, environ=environ)
    try:
        assert process.stdout is not None
        said: list[str] = []
        while not (found := ADDRESS.fullmatch(said[-1] if said else "")):
            line = process.stdout.readline()
            assert line, "\n".join(said)
            said.append(line.rstrip("\n"))
        yield RunningLab(process, found[1], found[2], found[3], said, time.monotonic() - began)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=END_SECONDS)
