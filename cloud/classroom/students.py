"""The students of a class: names, project ids, users of the machine."""

import os
import pwd
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cloud.errors import InvalidArgument

MOST = 500
_WORDS = {"en": "student", "es": "alumno"}
_SHORTEST, _LONGEST = 6, 30
"""Of a project id (``names.check_project``)."""


@dataclass(frozen=True, slots=True)
class Student:
    number: int
    """From 1."""
    name: str
    """As the teacher wrote it."""
    project: str
    """The id of the project, and the name of the folder."""
    user: pwd.struct_passwd | None = None
    """As whom the cloud runs; None: as the teacher."""


def numbered(count: int, language: str, prefix: str = "") -> list[Student]:
    """``student-01`` and so on.

    Args:
        prefix: of the names of their users: ``lab`` for ``lab01``, ``lab02``.

    Raises:
        InvalidArgument: too many or none, or no such user.
    """
    if not 1 <= count <= MOST:
        raise InvalidArgument(f"1 to {MOST}, not {count}", field="--students")
    names = [f"{_WORDS[language]}-{number:02}" for number in range(1, count + 1)]
    users = [_user(f"{prefix}{number:02}") if prefix else None for number in range(1, count + 1)]
    return [Student(number, name, name, user) for number, (name, user) in enumerate(zip(names, users, strict=True), 1)]


def read_names(file: Path, prefix: str = "") -> list[Student]:
    """One student a line, with the name of his user after a comma or a tab, if he has one.

    Args:
        prefix: of the names of users, for lines that have none.

    Raises:
        InvalidArgument: the file cannot be read, or a line is wrong.
    """
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise InvalidArgument(f"{file} cannot be read: {error.strerror}", field="--names") from None
    except UnicodeDecodeError:
        raise InvalidArgument(f"{file} is no text in UTF-8", field="--names") from None
    given = [
        [column.strip() for column in re.split(r"[,;\t]", line)] for line in lines if line.strip() and line[0] != "#"
    ]
    if not 1 <= len(given) <= MOST:
        raise InvalidArgument(f"1 to {MOST} names, not {len(given)}: {file}", field="--names")
    students: list[Student] = []
    for number, (name, *columns) in enumerate(given, 1):
        if len(columns) > 1 or not name:
            raise InvalidArgument(f"NAME or NAME, USER, not {', '.join([name, *columns])[:200]!r}", field="--names")
        login = columns[0] if columns and columns[0] else f"{prefix}{number:02}" if prefix else ""
        taken = [student.project for student in students]
        students.append(Student(number, name, project_id(name, number, taken), _user(login) if login else None))
    _check_users(students)
    return students


def project_id(name: str, number: int, taken: Sequence[str] = ()) -> str:
    """An id that Google would accept, as like the name as it can be; with the number where it would be another's.

    >>> project_id("María José", 3)
    'maria-jose'
    """
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    words = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")
    if not words[:1].isalpha() or len(words) < _SHORTEST:
        words = f"student-{words or f'{number:02}'}"
    candidate = words[:_LONGEST].strip("-")
    while candidate in taken:
        candidate = f"{words[: _LONGEST - 4].strip('-')}-{number:03}"
        number += 1
    return candidate


def _check_users(students: Sequence[Student]) -> None:
    """All or none, each his own: else a student who seems apart is not."""
    users = [student.user.pw_name for student in students if student.user]
    if users and len(users) < len(students):
        lacking = next(student.name for student in students if student.user is None)
        raise InvalidArgument(f"{lacking} has no user of the machine, others have: give all or none", field="--names")
    if twice := [user for user in users if users.count(user) > 1]:
        raise InvalidArgument(f"two students are the user {twice[0]}", field="--names")


def _user(login: str) -> pwd.struct_passwd:
    if os.geteuid() != 0:
        raise InvalidArgument("only root can run clouds as other users: start the class with sudo", field="--os-users")
    try:
        user = pwd.getpwnam(login)
    except KeyError:
        raise InvalidArgument(
            f"this machine has no user {login[:100]}: make it (useradd -m {login[:100]})", field="--os-users"
        ) from None
    if user.pw_uid == 0:
        raise InvalidArgument("root is no student", field="--os-users")
    return user
