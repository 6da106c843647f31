"""``ImageRoot``: the files of an image, as the replicas of a job have them."""

import os
import shutil
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from cloud.errors import FailedPrecondition

_OURS = frozenset({"PATH", "LD_LIBRARY_PATH", "HOME", "PYTHONHOME", "VIRTUAL_ENV"})
"""Variables that in an image are about programs and libraries that are this machine's here."""


def split_requirements(given: Sequence[str]) -> tuple[list[str], list[str]]:
    """Those that are paths in the image, and those of a package index."""
    return [one for one in given if one.startswith("/")], [one for one in given if not one.startswith("/")]


@dataclass(frozen=True, slots=True)
class ImageRoot:
    """What a container starts from. Each replica has a copy of its own, in a folder that stands for the root.

    Args:
        files: the folder to copy; it is not changed.
        workdir: an absolute path of the image.
        env: the image's variables.
    """

    files: Path
    workdir: str
    env: Mapping[str, str]

    def place(self, home: Path) -> None:
        """Copy the files to ``home``, which exists.

        Raises:
            OSError: they cannot be copied.
        """
        shutil.copytree(self.files, home, symlinks=True, dirs_exist_ok=True)
        self.cwd(home).mkdir(parents=True, exist_ok=True)

    def package(self, path: str, work: Path) -> Path:
        """The distribution at ``path`` in the image, as a file that ``PackageInstaller`` installs: a wheel or an
        archive as it is, a folder as an archive made in ``work``.

        Raises:
            FailedPrecondition: there is none.
        """
        path = path.partition("[")[0]  # extras: what they require is stated by the package for pip alone
        found = self.files / os.path.normpath(path).lstrip("/")
        if found.is_file():
            return found
        if not any((found / name).exists() for name in ("pyproject.toml", "setup.py")):
            raise FailedPrecondition(
                f"{path} of the image is no Python package: it has no pyproject.toml and no setup.py"
            )
        name = f"{found.name or 'image'}-0"
        archive = work / f"{name}.tar.gz"
        with tarfile.open(archive, "w:gz") as file:
            file.add(found, name)
        return archive

    def cwd(self, home: Path) -> Path:
        """The working directory of a program whose root stands in ``home``."""
        return home / PurePosixPath(self.workdir).relative_to("/")

    def located(self, home: Path, word: str) -> str:
        """``word``, or where its file is if it is the absolute path of one of the image's."""
        if not word.startswith("/") or word == "/":
            return word
        path = home / os.path.normpath(word).lstrip("/")
        return str(path) if os.path.lexists(self.files / path.relative_to(home)) else word

    def environ(self, home: Path) -> dict[str, str]:
        """The image's variables, in whose values the paths of its files are those of the copy."""
        return {
            name: os.pathsep.join(self.located(home, part) for part in value.split(os.pathsep))
            for name, value in self.env.items()
            if name not in _OURS
        }
