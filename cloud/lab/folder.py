"""The folder of one lab: the learner's work, his cloud's state, and what JupyterLab keeps."""

import fcntl
import json
import os
import shutil
from pathlib import Path

from cloud.errors import FailedPrecondition
from cloud.lab.notebooks import LANGUAGES

DEFAULT = Path("cloud-lab")
_FORMAT = 1
_MARK = "lab.json"
"""Only a folder with this file is ever removed."""


class LabFolder:
    """Nothing is read or made before ``create``."""

    def __init__(self, path: Path) -> None:
        self.path = path.expanduser().absolute()

    @property
    def cloud(self) -> Path:
        """The cloud's state folder."""
        return self.path / "cloud"

    @property
    def jupyter(self) -> Path:
        """JupyterLab's own files: settings, open tabs, its log."""
        return self.path / "jupyter"

    def work(self, language: str) -> Path:
        """The learner's folder: his notebooks and his package."""
        return self.path / language

    def _check(self) -> None:
        mark = self.path / _MARK
        try:
            found = json.loads(mark.read_text())["format"] if mark.exists() else _FORMAT
        except (OSError, ValueError, KeyError, TypeError):
            found = None
        if found != _FORMAT:
            raise FailedPrecondition(
                f"{self.path} was made by another version of the lab, or {_MARK} in it is damaged: use that version, "
                "choose another folder with --state, or begin anew with --reset"
            )

    def create(self) -> None:
        """Raises:
        FailedPrecondition: it cannot be written, or another version of this program or something else made it.
        """
        self._check()
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            mark = self.path / _MARK
            if not mark.exists():
                if (self.path / "lock").exists():
                    raise FailedPrecondition(
                        f"{self.path} is the state folder of a cloud, not of a lab: choose another with --state"
                    )
                mark.write_text(json.dumps({"format": _FORMAT}) + "\n")
            self.jupyter.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise FailedPrecondition(
                f"the folder {self.path} cannot be used: {error.strerror}; choose another with --state"
            ) from None

    def reset(self) -> list[Path]:
        """Remove the work, the cloud's state and JupyterLab's files; returns what was removed.

        Raises:
            FailedPrecondition: it is no lab's folder, its lab runs, or something in it cannot be removed. What another
                version made is removed, too.
        """
        if not self.path.exists() or not os.listdir(self.path):
            return []
        if not (self.path / _MARK).exists():
            raise FailedPrecondition(f"{self.path} is no folder of the lab: nothing was removed")
        if self._runs():
            raise FailedPrecondition(f"the lab of {self.path} runs: end it before a reset")
        removed = [path for path in (*map(self.work, LANGUAGES), self.cloud, self.jupyter) if path.exists()]
        try:
            for path in removed:
                shutil.rmtree(path)
            (self.path / _MARK).unlink()
        except OSError as error:
            raise FailedPrecondition(f"{error.filename or self.path} cannot be removed: {error.strerror}") from None
        return removed

    def _runs(self) -> bool:
        """Whether its cloud has its lock, see ``StateFolder``."""
        try:
            lock = os.open(self.cloud / "lock", os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:  # a file system without locks, on which no cloud starts
            return False
        finally:
            os.close(lock)
        return False
