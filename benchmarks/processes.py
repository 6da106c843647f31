"""Wall time, processor time and memory of processes (Linux)."""

import os
import re
import subprocess
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

_PROCESSORS = sorted(os.sched_getaffinity(0))
"""Those that this process may use when it starts."""


def seconds(*command: str, environ: Mapping[str, str] | None = None) -> float:
    """Wall time of a command, which must succeed."""
    began = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, env=environ)
    return time.perf_counter() - began


def children(pid: int) -> list[int]:
    """The child processes of ``pid``."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        with suppress(FileNotFoundError, ProcessLookupError):  # a thread that has ended
            found += map(int, (task / "children").read_text().split())
    return found


def descendants(pid: int) -> list[int]:
    """The child processes of ``pid``, and theirs."""
    started = children(pid)
    return started + [each for child in started for each in descendants(child)]


def keep_on(processor: int, *pids: int) -> None:
    """Pin the present threads of processes to one processor, by index; to the last one if there are fewer."""
    for pid in pids:
        for task in Path(f"/proc/{pid}/task").iterdir():
            os.sched_setaffinity(int(task.name), {_PROCESSORS[min(processor, len(_PROCESSORS) - 1)]})


def processor_seconds(pids: Iterable[int]) -> float:
    """Their processor time so far."""
    stats = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in pids]
    return sum(int(each[11]) + int(each[12]) for each in stats) / os.sysconf("SC_CLK_TCK")


def proportional_megabytes(pid: int) -> float:
    """Proportional set size: shared memory counts in part."""
    (kilobytes,) = re.findall(r"^Pss:\s+(\d+) kB", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE)
    return int(kilobytes) / 1024


def resident_megabytes(pid: int) -> float:
    """Memory in use, shared included."""
    (kilobytes,) = re.findall(r"^VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    return int(kilobytes) / 1024
