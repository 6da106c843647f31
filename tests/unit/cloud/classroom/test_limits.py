from hypothesis import given
from hypothesis import strategies as st

from cloud.classroom.limits import JOB, MIB, Machine, is_tight, job_limit, reserved

GIB = 1024 * MIB


def test_thirty_students_on_the_machine_of_the_guide() -> None:
    assert job_limit(Machine(16 * GIB, 8), 30) == 8
    assert job_limit(Machine(16 * GIB, 2), 30) == 2
    assert job_limit(Machine(8 * GIB, 8), 30) == 1
    assert is_tight(Machine(4 * GIB, 8), 30)
    assert not is_tight(Machine(16 * GIB, 8), 30)


@given(st.integers(0, 512 * GIB), st.integers(1, 256), st.integers(1, 500))
def test_the_jobs_fit_beside_the_class(memory: int, cores: int, students: int) -> None:
    machine = Machine(memory, cores)
    jobs = job_limit(machine, students)
    assert 1 <= jobs <= cores
    assert jobs == 1 or reserved(students) + jobs * JOB <= memory


def test_this_machine_is_found_out() -> None:
    machine = Machine.this()
    assert machine.memory > 64 * MIB
    assert machine.cores >= 1
