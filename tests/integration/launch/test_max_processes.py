"""``Confinement.max_processes``: enforced by the kernel for an ordinary user in a namespace, else by counting."""

import subprocess
import sys
from dataclasses import replace

import pytest

from cloud.engine.launch.client import Launcher
from integration.launch.confined import confinement
from integration.launch.programs import Programs, linux_only, run

pytestmark = linux_only
MOST = 20
FORK_BOMB = """
import ctypes, os, sys, time
from cloud.engine.launch.forkserver import limits, namespaces

if os.getuid() == 0:
    os.setgroups([])
    os.setresgid(65534, 65534, 65534)
    os.setresuid(65534, 65534, 65534)
    ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)  # PR_SET_DUMPABLE: its files in /proc are its own again
namespaces.enter_new_network()
limits.limit_resources({"RLIMIT_NPROC": int(sys.argv[1])})
started = []
try:
    while len(started) < 60:
        pid = os.fork()
        if pid == 0:
            time.sleep(60)
        started.append(pid)
except BlockingIOError:
    pass
for pid in started:
    os.kill(pid, 9)
print(len(started))
"""


@pytest.mark.parametrize(("limit", "started"), [(MOST, MOST - 1), (1000, 60)])
def test_a_namespace_has_no_more_processes(limit: int, started: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FORK_BOMB, str(limit)], capture_output=True, text=True, check=False, timeout=60
    )

    assert (done.stdout.strip(), done.stderr) == (str(started), "")


async def test_processes_that_the_kernel_does_not_limit_are_counted(launcher: Launcher, programs: Programs) -> None:
    command = programs.command(
        """
        import subprocess, sys
        asleep = "import time; print('begun', flush=True); time.sleep(100)"
        for _ in range(12):
            process = subprocess.Popen([sys.executable, "-c", asleep], stdout=subprocess.PIPE, text=True)
            process.stdout.readline()
        process.wait()
        """
    )
    allowed = replace(confinement(programs.folder, None), max_processes=8, files=False, signals=False)

    status = await run(launcher, replace(command, confinement=allowed), programs.on_output)

    assert str(status) == "was killed by signal 9 (SIGKILL): it had more than 8 processes and threads at a time"
