"""How many jobs a machine can run at a time beside the clouds of a class."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path

MIB = 2**20
CLOUD, NOTEBOOKS, VERSION, JOB = 75 * MIB, 170 * MIB, 140 * MIB, 700 * MIB
"""What a cloud, JupyterLab with a kernel, a model's worker and a job of the lab need (``benchmarks/classroom.py``)."""
_AWAKE = 0.5
"""The part of a class that has notebooks open and a model awake at a time."""
_SYSTEM = 512 * MIB
_CGROUP = Path("/sys/fs/cgroup")


@dataclass(frozen=True, slots=True)
class Machine:
    memory: int
    """Bytes that programs may have, those that run now included."""
    cores: int

    @classmethod
    def this(cls) -> "Machine":
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count()
        return cls(min([memory, *_bounds()]), cores or 1)


def _bounds() -> list[int]:
    """Of this process's control groups, version 2 and 1, as in a container."""
    found = []
    for path in (_CGROUP / "memory.max", _CGROUP / "memory" / "memory.limit_in_bytes"):
        try:
            text = path.read_text().strip()
        except OSError:
            continue
        if text.isdecimal():
            found.append(int(text))
    return found


def reserved(students: int) -> int:
    """Bytes for a class without its jobs."""
    return int(_SYSTEM + students * (CLOUD + _AWAKE * (NOTEBOOKS + VERSION)))


def job_limit(machine: Machine, students: int) -> int:
    """As many jobs as there is memory for, and no more than cores: each trains with all it gets. At least one."""
    return max(1, min(machine.cores, (machine.memory - reserved(students)) // JOB))


def is_tight(machine: Machine, students: int) -> bool:
    """Whether not even one job fits beside the class."""
    return machine.memory < reserved(students) + JOB
