"""``COPY`` and ``ADD``: files of the context, or of a stage, into the image.

Rules: https://docs.docker.com/reference/dockerfile/#copy
"""

import posixpath
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cloud.engine.images.ignored import Ignored
from cloud.engine.images.image_files import ImageFiles, copy
from cloud.engine.images.patterns import has_wildcards
from cloud.errors import InvalidArgument
from cloud.resources.container_images import ContainerImage


@dataclass(frozen=True, slots=True)
class Source:
    """What is copied from: the context, or another stage or image."""

    files: ImageFiles
    ignored: Ignored = field(default_factory=Ignored)
    image: ContainerImage | None = None
    """None: it is the context."""

    @property
    def is_context(self) -> bool:
        return self.image is None

    def lacks(self, text: str) -> bool:
        """Whether nothing is in it of what a source names; that is so of folders that its ``pip`` would have filled."""
        path = f"/{posixpath.normpath(text).strip('/')}"
        if has_wildcards(path):
            return not self.files.matching(path, hidden=True)
        real = self.files.real(path)
        return not real.exists() or (real.is_dir() and not any(real.iterdir()))

    def find(self, text: str, instruction: str) -> list[str]:
        """The paths in it, absolute, that a source of the instruction names.

        Args:
            instruction: ``COPY`` or ``ADD``, for errors.

        Raises:
            InvalidArgument: there is none, or it is outside; in Docker's words.
        """
        clean = posixpath.normpath(text.lstrip("/") or ".")
        if self.is_context and (clean == ".." or clean.startswith("../")):
            raise InvalidArgument(f"{instruction} failed: forbidden path outside the build context: {text} ()")
        path = "/" if clean == "." else f"/{clean}"
        if has_wildcards(clean):
            found = [one for one in self.files.matching(path, hidden=True) if self.counts(one)]
        else:
            found = [path] if self.files.exists(path) and self.counts(path) else []
        if not found:
            where = "file not found in build context or excluded by .dockerignore: " if self.is_context else ""
            raise InvalidArgument(f"{instruction} failed: {where}stat {text}: file does not exist")
        return found

    def counts(self, path: str) -> bool:
        """Whether it, or something in it, is not ignored."""
        relative = path.lstrip("/")
        if not relative or not self.ignored(relative):
            return True
        real = self.files.real(path, follow=False)
        if not self.ignored.has_exceptions or real.is_symlink() or not real.is_dir():
            return False
        return any(self.counts(f"{path}/{entry.name}") for entry in real.iterdir())


def copy_files(
    source: Source,
    names: Sequence[str],
    target: ImageFiles,
    destination: str,
    *,
    instruction: str = "COPY",
    mode: int | None = None,
) -> None:
    """
    Args:
        destination: absolute; with a slash at its end if it is to be a folder.
        instruction: ``ADD``, which unpacks archives, or ``COPY``.
        mode: ``--chmod``.

    Raises:
        InvalidArgument: a source is not there or outside, or the destination does not fit.
    """
    paths = [path for name in names for path in source.find(name, instruction)]
    into = destination.endswith(("/", "/.", "/.."))
    if len(paths) > 1 and not into and not target.stands_for_folder(destination):
        raise InvalidArgument(
            f"When using {instruction} with more than one source file, the destination must be a directory and end "
            "with a /"
        )
    for path in paths:
        real = source.files.real(path)
        if real.is_dir():
            place = target.make_folder(destination)
            root = source.files.real(path)
            copy(real, place, lambda entry, root=root, path=path: source.counts(_inside(path, entry, root)))  # type: ignore[misc]
        elif instruction == "ADD" and _is_archive(real):
            _unpack(real, target.make_folder(destination))
            continue
        else:
            within = into or target.stands_for_folder(destination)
            place = target.place_for(posixpath.join(destination, posixpath.basename(path)) if within else destination)
            copy(real, place)
        if mode is not None:
            change_mode(place, mode)


def _inside(path: str, entry: Path, root: Path) -> str:
    return posixpath.join(path, entry.relative_to(root).as_posix())


def change_mode(place: Path, mode: int) -> None:
    """Of a file, or of all files in a folder. The owner, as who jobs run, always reads and writes."""
    if place.is_symlink():
        return
    if place.is_dir():
        for entry in place.iterdir():
            change_mode(entry, mode)
    else:
        place.chmod((mode & 0o777) | 0o600)


def _is_archive(path: Path) -> bool:
    return path.is_file() and path.stat().st_size > 0 and tarfile.is_tarfile(path)


def _unpack(archive: Path, folder: Path) -> None:
    """
    Raises:
        InvalidArgument: it is broken, or a member would be outside the folder, or is a device.
    """
    if not hasattr(tarfile, "data_filter"):
        raise InvalidArgument("ADD failed: archives are unpacked in Python 3.11.4 and later only")
    try:
        with tarfile.open(archive) as tar:
            tar.extractall(folder, filter="data")
    except (tarfile.TarError, EOFError) as error:
        raise InvalidArgument(f"ADD failed: {archive.name} cannot be unpacked: {error}") from None
