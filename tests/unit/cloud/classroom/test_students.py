import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.classroom.students import numbered, project_id, read_names
from cloud.errors import InvalidArgument
from cloud.names import check_project


def read(folder: Path, text: str) -> list[tuple[str, str]]:
    file = folder / "names.csv"
    file.write_text(text, encoding="utf-8")
    return [(student.name, student.project) for student in read_names(file)]


def test_students_without_names_have_numbers() -> None:
    assert [student.project for student in numbered(3, "en")] == ["student-01", "student-02", "student-03"]
    assert [student.name for student in numbered(100, "es")][::99] == ["alumno-01", "alumno-100"]


def test_names_become_project_ids(tmp_path: Path) -> None:
    names = "\ufeff# of 2026\nMaría José\nLi\n\n陳大文\nMaria Jose\n007\n"
    expected = ["maria-jose", "student-li", "student-03", "maria-jose-004", "student-007"]
    assert [project for _, project in read(tmp_path, names)] == expected


@given(st.lists(st.text(), min_size=1, max_size=20))
def test_every_name_gets_a_legal_id_of_its_own(names: list[str]) -> None:
    taken: list[str] = []
    for number, name in enumerate(names, 1):
        taken.append(check_project(project_id(name, number, taken)))
    assert len(set(taken)) == len(taken)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", r"--names: 1 to 500 names, not 0"),
        ("# none\n", r"--names: 1 to 500 names, not 0"),
        ("a, b, c\n", r"--names: NAME or NAME, USER, not 'a, b, c'"),
        (", root\n", r"--names: NAME or NAME, USER, not ', root'"),
    ],
)
def test_a_wrong_file_is_explained(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(InvalidArgument, match=words):
        read(tmp_path, text)


def test_a_file_that_is_none_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match=r"--names: .*nothing cannot be read: "):
        read_names(tmp_path / "nothing")


@pytest.mark.parametrize("count", [0, -1, 501])
def test_the_number_of_students_has_limits(count: int) -> None:
    with pytest.raises(InvalidArgument, match=f"--students: 1 to 500, not {count}"):
        numbered(count, "en")


@pytest.mark.skipif(os.geteuid() != 0, reason="others are told that they need root")
def test_users_exist_and_are_not_root(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match=r"--os-users: this machine has no user nobody-has-this01: make it"):
        numbered(2, "en", "nobody-has-this")
    with pytest.raises(InvalidArgument, match="--os-users: root is no student"):
        read(tmp_path, "Ana, root\n")
    with pytest.raises(InvalidArgument, match="--names: Ben has no user of the machine, others have"):
        read(tmp_path, "Ana, daemon\nBen\n")
    with pytest.raises(InvalidArgument, match="--names: two students are the user daemon"):
        read(tmp_path, "Ana, daemon\nBen, daemon\n")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may")
def test_other_users_need_root(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match="--os-users: only root can run clouds as other users"):
        read(tmp_path, "Ana, daemon\n")
