"""``Confinement.max_processes``, as an ordinary user: the kernel does not count those of root."""

import subprocess
import sys

import pytest

from integration.launch.programs import linux_only

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
