"""What processes take: wall time, processor time, memory (Linux)."""

import os
import re
import subprocess
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

_PROCESSORS = sorted(os.sched_getaffinity(0))
"""That this process may use when it starts."""


def seconds(*command: str, environ: Mapping[str, str] | None = None) -> float:
    """Wall time of a command that succeeds."""
    began = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, env=environ)
    return time.perf_counter() - began


def children(pid: int) -> list[int]:
    """The processes that ``pid`` started."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return [int(child) for task in tasks for child in (task / "children").read_text().split()]


def below(pid: int) -> list[int]:
    """The processes that ``pid`` started, and those that they started."""
    started = children(pid)
    return started + [each for child in started for each in below(child)]


def keep_on(processor: int, *pids: int) -> None:
    """Have processes, with the threads that they have by now, run on that processor only: on the last if there are not
    so many."""
    for pid in pids:
        for task in Path(f"/proc/{pid}/task").iterdir():
            os.sched_setaffinity(int(task.name), {_PROCESSORS[min(processor, len(_PROCESSORS) - 1)]})


def processor_seconds(pids: Iterable[int]) -> float:
    """Processor time that they have taken so far."""
    stats = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in pids]
    return sum(int(each[11]) + int(each[12]) for each in stats) / os.sysconf("SC_CLK_TCK")


def proportional_megabytes(pid: int) -> float:
    """Memory, of which what is shared counts in part."""
    (kilobytes,) = re.findall(r"^Pss:\s+(\d+) kB", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE)
    return int(kilobytes) / 1024
