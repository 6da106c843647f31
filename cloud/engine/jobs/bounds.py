"""``Bounds``: how much of this machine one job may use. The job that meets a bound says which.

Of the log, further output of the program is dropped, as Cloud Logging drops what is beyond a project's quota
(https://cloud.google.com/logging/quotas); a trainer that writes too much is not a failure at Google. One that fills the
disk, its machine's limit of processes or of open files is.
"""

import asyncio
import os
import re
import stat
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cloud.settings import Settings

_CHECK_INTERVAL = 1.0
"""Seconds between looks at the disk's free space, which cost nothing."""
_MEASURE_SHARE = 0.05
"""Of a thread's time, at most, is spent on measuring folders."""
_NO_PROCESS = re.compile(
    r"can't start new thread|pthread_create.*Resource temporarily unavailable|fork.*Resource temporarily unavailable"
    r"|more than \d+ processes and threads"
    r"|BlockingIOError: \[Errno \d+\] Resource temporarily unavailable|RLIMIT_NPROC|thread constructor failed",
    re.IGNORECASE,
)
_NO_FILE = re.compile(r"Too many open files")


@dataclass(frozen=True, slots=True)
class Bounds:
    """The bounds that ``settings`` name; messages name the settings."""

    settings: Settings = field(default_factory=Settings)

    def is_log_full(self, size: int) -> bool:
        """Whether the output of a job's program is dropped, its log having ``size`` bytes."""
        return size >= self.settings.job_log_bytes

    def log_notice(self) -> str:
        bound = self.settings.job_log_bytes
        return f"The job's log has {bound} bytes (CLOUD_JOB_LOG_BYTES): what its program writes from now on is dropped."

    def explain(self, output: str) -> str | None:
        """What to do, if a program's ``output`` ends with a failure to open a file or to start a process."""
        last = "\n".join(output.splitlines()[-5:])
        if _NO_FILE.search(last):
            return (
                f"Each process of a job may have {self.settings.job_files} files open at a time, or as many as this "
                "machine allows (ulimit -H -n). Close them after use, or start the local cloud with more in "
                "CLOUD_JOB_FILES."
            )
        if _NO_PROCESS.search(last):
            return (
                f"A job may have {self.settings.job_processes} processes and threads at a time, or as many as this "
                "machine allows (ulimit -u). End those that it does not need, or start the local cloud with more in "
                "CLOUD_JOB_PROCESSES."
            )
        return None

    def limits(self) -> Mapping[str, int]:
        """Resource limits of each process."""
        return {"RLIMIT_NOFILE": self.settings.job_files}

    async def wait_for_disk(self, folders: Iterable[Path]) -> str:
        """Wait until the job in ``folders`` meets a bound of the disk; returns the message for it."""
        folders, most = tuple(folders), self.settings.job_disk_bytes
        reserve = min(self.settings.disk_reserve_bytes, await asyncio.to_thread(_free, folders) // 2)
        next_measure = 0.0
        while True:
            free = await asyncio.to_thread(_free, folders)
            if free < reserve or time.monotonic() >= next_measure:
                start = time.monotonic()
                used = await asyncio.to_thread(measure, folders)
                if used > most:
                    return (
                        f"The job was ended: its folder and TMPDIR hold {used} bytes, and a job may use {most} "
                        "(CLOUD_JOB_DISK_BYTES)."
                    )
                if free < reserve:
                    return (
                        f"The job was ended: only {free} bytes are free on the disk of the local cloud, and a job must "
                        f"leave {reserve} (CLOUD_DISK_RESERVE_BYTES). It used {used}."
                    )
                next_measure = time.monotonic() + (time.monotonic() - start) / _MEASURE_SHARE
            await asyncio.sleep(_CHECK_INTERVAL)


def measure(folders: Iterable[Path]) -> int:
    """Bytes of the disk that ``folders`` take, without what links in them point to. What vanishes meanwhile is none."""
    used, linked, left = 0, set[int](), [os.fspath(folder) for folder in folders]
    while left:
        try:
            entries = list(os.scandir(left.pop()))
        except OSError:
            continue
        for entry in entries:
            try:
                found = entry.stat(follow_symlinks=False)
            except OSError:
                continue
            if stat.S_ISDIR(found.st_mode):
                left.append(entry.path)
            elif found.st_nlink > 1:
                if found.st_ino in linked:
                    continue
                linked.add(found.st_ino)
            used += found.st_blocks * 512
    return used


def _free(folders: Iterable[Path]) -> int:
    """Bytes that may still be written to the fullest of the disks of ``folders``, which need not exist any more."""
    disks = [os.statvfs(folder.parent) for folder in folders]
    return min(disk.f_bavail * disk.f_frsize for disk in disks)
