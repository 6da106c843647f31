"""What a class keeps over its restarts, so that the addresses that were handed out stay valid."""

import json
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path

from cloud.engine.state_folder import write_private
from cloud.errors import FailedPrecondition

_FORMAT = 1


@dataclass(frozen=True, slots=True)
class Door:
    """A student's address."""

    key: str
    port: int


class ClassRecords:
    """Args:
    file: private, made with the first change.

    Raises:
        FailedPrecondition: it was made by another version, or is damaged.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._doors: dict[str, Door] = {}
        if file.exists():
            try:
                content = json.loads(file.read_text())
                if content["format"] != _FORMAT:
                    raise ValueError
                self._doors = {project: Door(**door) for project, door in content["students"].items()}
            except (OSError, ValueError, KeyError, TypeError, AttributeError):
                raise FailedPrecondition(
                    f"{file} was made by another version of this program, or is damaged: choose another folder with "
                    "--state, or remove it (students get new addresses)"
                ) from None

    def door(self, project: str) -> Door:
        """The student's; a new one, whose port is not chosen yet (0), if he has none."""
        if project not in self._doors:
            self._doors[project] = Door(secrets.token_urlsafe(16), 0)
            self._write()
        return self._doors[project]

    def set_port(self, project: str, port: int) -> None:
        if (door := self.door(project)).port != port:
            self._doors[project] = Door(door.key, port)
            self._write()

    def _write(self) -> None:
        content = {"format": _FORMAT, "students": {project: asdict(door) for project, door in self._doors.items()}}
        new = self._file.with_name(f"{self._file.name}.new")
        write_private(new, json.dumps(content, indent=1) + "\n")
        new.replace(self._file)
