"""A class whose students are users of the machine: each reaches his own cloud, and no other's."""

import json
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest

from cloud.testing.contract.base import TIMEOUT
from integration.owner import Owner
from integration.students import COMMAND, ClassProcess, StudentsCloud, Teacher
from security.unix_users import OWNER, STRANGER, attack, in_readable_world, needs_other_users

pytestmark = needs_other_users()
USERS = {"student-01": OWNER, "student-02": STRANGER}
_WITH_USERS = 'mount --bind "$0" /etc/passwd && exec "$@"'


class Student(StudentsCloud):
    """Of another user: his announcement is not for root."""

    def __init__(self, folder: Path) -> None:
        (announced,) = (folder / "cloud").glob("running-*.json")
        running = json.loads(announced.read_text())
        Owner.__init__(self, SimpleNamespace(**running))  # type: ignore[arg-type]
        self.pid, self.project, self.folder = running["pid"], folder.name, folder


@pytest.fixture(scope="module")
def class_() -> Iterator[ClassProcess]:
    # pytest's temporary folder is closed to other users.
    folder = Path(tempfile.mkdtemp(prefix="class-"))
    folder.chmod(0o755)
    lines = Path("/etc/passwd").read_text()
    for number, uid in enumerate(USERS.values(), 1):
        home = folder / f"home{number}"
        home.mkdir(mode=0o700)
        os.chown(home, uid, uid)
        lines += f"pupil{number:02}:x:{uid}:{uid}::{home}:/bin/sh\n"
    (folder / "passwd").write_text(lines)
    # Users for this class alone: the machine's own file stays as it is.
    world = ["unshare", "--mount", "sh", "-c", _WITH_USERS, str(folder / "passwd"), *COMMAND]
    arguments = ("--students", "2", "--os-users", "pupil", "--jobs", "2", "--lang", "en")
    running = ClassProcess(folder / "state", *arguments, command=in_readable_world(world))
    try:
        yield running
    finally:
        running.end()
        shutil.rmtree(folder)


@pytest.fixture(scope="module")
def doors(class_: ClassProcess) -> list[tuple[int, str]]:
    """Port and path of each student's page."""
    parts = [urlsplit(address) for address in Teacher(class_.address).addresses()]
    return [(part.port or 0, part.path) for part in parts]


def request(port: int, path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n".encode()


def status(response: bytes) -> int:
    return int(response.split()[1]) if response else 0


def test_each_cloud_runs_as_its_student(class_: ClassProcess) -> None:
    assert "each as a user of its own" in class_.welcome
    for project, uid in USERS.items():
        student = Student(class_.folder / project)
        assert Path(f"/proc/{student.pid}").stat().st_uid == uid
        found = student.folder.stat()
        assert (found.st_uid, stat.S_IMODE(found.st_mode)) == (uid, 0o700)
        student.open()
        student.submit("mine", 0.1)
        assert student.wait("mine")["state"] == "SUCCEEDED", student.log("mine")


def test_nobody_reaches_another_students_page(doors: list[tuple[int, str]]) -> None:
    for (port, path), uid in zip(doors, USERS.values(), strict=True):
        for caller in USERS.values():
            answer = attack("plain", port, request(port, path), caller)
            assert status(answer) == (200 if caller == uid else 403)


def test_nobody_reaches_another_students_cloud(class_: ClassProcess) -> None:
    for project, uid in USERS.items():
        (announced,) = (class_.folder / project / "cloud").glob("running-*.json")
        host = json.loads(announced.read_text())["environ"]["STORAGE_EMULATOR_HOST"]
        port = urlsplit(host).port or 0
        for caller in USERS.values():
            answer = attack("plain", port, request(port, f"/storage/v1/b?project={project}"), caller)
            assert status(answer) == (200 if caller == uid else 403)


def test_no_student_reads_the_class_or_takes_anothers_slots(class_: ClassProcess, doors: list[tuple[int, str]]) -> None:
    assert len(doors) == 2
    sockets = {
        Path(line.split()[-1])
        for line in Path("/proc/net/unix").read_text().splitlines()
        if "omlc-class-" in line and line.endswith((".sock",))
    }
    mine = [path for path in sockets if path.exists() and path.stat().st_uid == OWNER]
    assert mine
    reads = (
        "import os, socket, sys\n"
        f"os.setgroups([]); os.setresgid(*[{STRANGER}] * 3); os.setresuid(*[{STRANGER}] * 3)\n"
        "for path in sys.argv[1:]:\n"
        "    try:\n"
        "        if path.endswith('.sock'): socket.socket(socket.AF_UNIX).connect(path)\n"
        "        else: os.listdir(path)\n"
        "        print(path)\n"
        "    except PermissionError: pass\n"
    )
    folders = [class_.folder, class_.folder / "class", class_.folder / "student-01", mine[0].parent]
    ran = subprocess.run(
        [sys.executable, "-I", "-S", "-c", reads, *map(str, [*mine, *folders])],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=TIMEOUT,
    )
    assert ran.stdout == ""
