"""A class of three, with real clouds and real jobs."""

import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from cloud.testing.contract.base import TIMEOUT
from integration.students import COMMAND, ClassProcess, StudentsCloud, Teacher, classroom

ONE, TWO, THREE = "ana-maria", "student-02", "student-3"
NAMES = "# the class\nAna María\nstudent-02\n\n3\n"


@pytest.fixture(scope="module")
def class_(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClassProcess]:
    folder = tmp_path_factory.mktemp("class")
    (folder / "names.txt").write_text(NAMES)
    with classroom(folder / "state", "--names", str(folder / "names.txt"), "--jobs", "1", "--lang", "en") as running:
        yield running


@pytest.fixture(scope="module")
def teacher(class_: ClassProcess) -> Teacher:
    return Teacher(class_.address)


@pytest.fixture(scope="module")
def students(class_: ClassProcess) -> list[StudentsCloud]:
    found = [class_.student(project) for project in (ONE, TWO, THREE)]
    for student in found:
        student.open()
    return found


def test_all_jobs_of_the_class_wait_in_one_queue(students: list[StudentsCloud], teacher: Teacher) -> None:
    for student in students:
        student.submit("first", 1.0)
    students[0].submit("second", 0.1)
    assert "1 of 1 jobs are running, 3 wait." in re.sub(r"\s+", " ", teacher.get("/")[1])
    assert students[2].job("first")["jobPosition"] == "2"
    assert "place 2" in teacher.row(THREE)
    jobs = [(student, "first") for student in students] + [(students[0], "second")]
    spans = []
    for student, job_id in jobs:
        assert student.wait(job_id)["state"] == "SUCCEEDED"
        log = student.log(job_id)
        begins, ends = (next(line for line in log if line.startswith(word)) for word in ("begins", "ends"))
        spans.append((float(begins.split()[1]), float(ends.split()[1])))
    assert spans == sorted(spans), "in order"
    assert all(end < start for (_, end), (start, _) in pairwise(spans)), "one at a time"
    assert "Place 2 of 2 in the class's queue." in students[2].log("first")
    assert [line for line in students[0].log("second") if "Place" in line][-1] == "Place 1 of 1 in the class's queue."


def test_a_cloud_that_dies_gives_its_slot_back_and_is_started_again(
    class_: ClassProcess, students: list[StudentsCloud], teacher: Teacher
) -> None:
    students[0].submit("long", 3600)
    students[0].wait("long", "RUNNING")
    students[1].submit("next", 0.1)
    os.kill(students[0].pid, signal.SIGKILL)
    assert students[1].wait("next")["state"] == "SUCCEEDED"
    row = teacher.wait(ONE, "running .*started again once")
    students[0] = class_.student(ONE)
    assert students[0].has_bucket()
    assert students[0].job("long")["state"] == "FAILED"
    assert "Ana María" in row
    assert "long The service was stopped while the job was running." in teacher.wait(ONE, " long ")


def test_a_reset_removes_one_students_work_and_keeps_his_address(
    class_: ClassProcess, students: list[StudentsCloud], teacher: Teacher
) -> None:
    addresses = teacher.addresses()
    assert teacher.post(f"/reset/{TWO}", "wrong") == 403
    assert students[1].has_bucket()
    assert teacher.post(f"/reset/{TWO}", teacher.csrf()) == 303
    assert not class_.student(TWO).has_bucket()
    assert students[2].has_bucket()
    assert teacher.addresses() == addresses
    assert teacher.post("/reset/nobody", teacher.csrf()) == 404


def test_the_teachers_page_says_how_far_each_is(students: list[StudentsCloud], teacher: Teacher) -> None:
    names = students[2].folder / "en" / "names.env"
    names.write_text(f"PROJECT={THREE}\nBUCKET=homework\nREGION=us-central1\n")
    teacher.wait(THREE, "bucket: done")
    assert "bucket: done" not in teacher.row(TWO)


def test_strangers_see_nothing(teacher: Teacher) -> None:
    for path in ("/", "/addresses", "/class.js"):
        assert teacher.get(path, with_cookie=False)[0] == 403


def test_a_students_page_leads_to_his_console_and_no_other(teacher: Teacher) -> None:
    (host, path), (_, other) = [urlsplit(address)[1:3] for address in teacher.addresses()[:2]]
    page = Teacher.__new__(Teacher)
    page.netloc = host
    assert page._send("GET", path)[0] == 200
    assert page._send("GET", other)[0] == 403
    assert page._send("GET", f"{path}console")[0] == 303


def test_a_port_that_is_taken_is_named_at_once(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        arguments = ["--students", "500", "--state", str(tmp_path / "none"), "--port", str(port)]
        ran = subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, timeout=TIMEOUT, check=False)
    assert (ran.returncode, ran.stdout) == (1, "")
    assert f"error: --port: port {port} cannot be used: Address already in use" in ran.stderr
    assert not (tmp_path / "none").exists()


def test_a_class_goes_on_with_its_work(tmp_path: Path) -> None:
    with classroom(tmp_path, "--students", "1", "--lang", "es") as first:
        student = first.student("alumno-01")
        student.open()
        address = Teacher(first.address).addresses()
        pid = student.pid
        output, errors = first.end()
    assert (first.process.returncode, output, errors) == (0, "ending\n", "")
    assert not _runs(pid)
    with classroom(tmp_path, "--students", "1", "--lang", "es") as second:
        assert second.student("alumno-01").has_bucket()
        assert Teacher(second.address).addresses() == address
        pid = second.student("alumno-01").pid
        second.process.kill()
        deadline = time.monotonic() + TIMEOUT
        while _runs(pid):
            assert time.monotonic() < deadline
            time.sleep(0.05)


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
