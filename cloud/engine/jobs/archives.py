"""Package archives from strangers: what is in them, unpacked without leaving the folder or filling the disk."""

import errno
import hashlib
import os
import posixpath
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from cloud.errors import FailedPrecondition

MAX_BYTES = 2 * 1024**3
MAX_MEMBERS = 100_000
MAX_DEPTH = 100
"""Folders in folders: what packs, builds, imports and removes them works its way down by recursion."""
_CHUNK = 1024 * 1024
_MAX_SHOWN = 100


class BadArchiveError(FailedPrecondition):
    """The archive is damaged, or holds something that no package needs."""


def content_key(archive: Path) -> str:
    """SHA-256 hex over the names, contents and executable bits in a ``.tar.gz``, whatever their order and times.

    Raises:
        FailedPrecondition: see ``unpack_sdist``.
    """
    entries = []
    with _open_tar(archive) as tar:
        for member in _members(tar, archive.name):
            described = f"{member.name}\0{member.type!r}\0{member.linkname}\0{_mode(member.mode):o}\0".encode()
            entry = hashlib.sha256(described)
            file = tar.extractfile(member) if member.isreg() else None
            while file and (chunk := file.read(_CHUNK)):
                entry.update(chunk)
            entries.append(entry.digest())
    return hashlib.sha256(b"".join(sorted(entries))).hexdigest()


def unpack_sdist(archive: Path, folder: Path) -> Path:
    """Unpack a ``.tar.gz`` into the empty ``folder``; returns the one folder that a source distribution consists of.

    Links become copies of the files they mean, so that no path in ``folder`` leads out of it.

    Raises:
        FailedPrecondition: it is damaged, too large, is no source distribution, or has a member that is a device, is
            sparse, or leads out of the folder.
    """
    links: list[tuple[str, str]] = []
    tops: set[str] = set()
    sizes: dict[str, int] = {}
    with _open_tar(archive) as tar:
        for member in _members(tar, archive.name):
            name = _inside(member.name, archive.name)
            tops.add(name.partition("/")[0])
            if member.isdir():
                with _refusing(name, archive.name):
                    (folder / name).mkdir(parents=True, exist_ok=True)
            elif member.isreg():
                source = tar.extractfile(member)
                assert source is not None  # noqa: S101 - of a regular file there always is one
                _write(source, folder, name, member.mode, archive.name)
                sizes[name] = member.size
            else:
                target = posixpath.join(posixpath.dirname(name), member.linkname) if member.issym() else member.linkname
                links.append((name, _inside(target, archive.name)))
    # A link has no size in the archive. As a copy it has its target's: a thousand of them to one large file, too.
    for name, target in links:
        sizes[name] = sizes.get(target, 0)
    _check_limits(archive.name, len(sizes), sum(sizes.values()))
    for name, target in links:
        if target not in sizes or not (folder / target).is_file():
            raise BadArchiveError(
                f"{archive.name}: {_shown(name)} is a link to {_shown(target)}, which is no file of the archive"
            )
        with (folder / target).open("rb") as source:
            _write(source, folder, name, (folder / target).stat().st_mode, archive.name)
    roots = [folder / top for top in tops if top != "."]
    if len(roots) != 1 or not any((roots[0] / name).is_file() for name in ("setup.py", "pyproject.toml")):
        raise BadArchiveError(
            f"{archive.name} is no source distribution: it has to hold one folder NAME-VERSION with a setup.py or "
            "pyproject.toml; build it with `python setup.py sdist`"
        )
    return roots[0]


def unpack_wheel(wheel: zipfile.ZipFile, name: str, folder: Path, place: Callable[[str], str]) -> None:
    """Unpack a wheel into ``folder``, each member to the relative path that ``place`` gives its name.

    Raises:
        FailedPrecondition: it is too large, or has a member that leads out of the folder.
    """
    members = wheel.infolist()
    _check_limits(name, len(members), sum(member.file_size for member in members))
    for member in members:
        if not member.is_dir():
            _inside(member.filename, name)
            with wheel.open(member) as source:
                _write(source, folder, _inside(place(member.filename), name), member.external_attr >> 16, name)


@contextmanager
def open_wheel(wheel: Path) -> Iterator[zipfile.ZipFile]:
    """The archive; also what is done with it while it is open must find it whole.

    Raises:
        FailedPrecondition: it is damaged.
    """
    try:
        with zipfile.ZipFile(wheel) as archive:
            yield archive
    # RuntimeError and NotImplementedError: encrypted, or packed in a way that zipfile cannot undo.
    except (zipfile.BadZipFile, EOFError, zlib.error, NotImplementedError, RuntimeError) as error:
        raise BadArchiveError(f"{wheel.name} is not a wheel that can be read: {error}") from error


@contextmanager
def _open_tar(archive: Path) -> Iterator[tarfile.TarFile]:
    try:
        with tarfile.open(archive, "r:gz") as tar:
            yield tar
    except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:  # the disk, not the archive
            raise
        raise BadArchiveError(f"{archive.name} is not a .tar.gz archive that can be read: {error}") from error


def _members(tar: tarfile.TarFile, archive: str) -> Iterator[tarfile.TarInfo]:
    """Each member, refused before any of its bytes are read if it must not be there."""
    total = 0
    for count, member in enumerate(tar, 1):
        total += member.size
        _check_limits(archive, count, total)
        if member.issparse() or not (member.isreg() or member.isdir() or member.issym() or member.islnk()):
            raise BadArchiveError(f"{archive}: {_shown(member.name)} is no ordinary file, folder or link")
        yield member
    # Only at the very end does gzip know whether all before it was right.
    while rest := len(tar.fileobj.read(_CHUNK)) if tar.fileobj else 0:
        total += rest
        _check_limits(archive, 0, total)


def _check_limits(archive: str, members: int, size: int) -> None:
    if members > MAX_MEMBERS or size > MAX_BYTES:
        raise BadArchiveError(
            f"{archive} unpacks to more than {MAX_MEMBERS} files or {MAX_BYTES >> 20} MiB: "
            "put data into the bucket, not into the package"
        )


def _inside(name: str, archive: str) -> str:
    """``name`` as a relative path below the folder, normalised."""
    path = posixpath.normpath(name)
    if path.startswith(("/", "../")) or path == ".." or "\0" in path:
        raise BadArchiveError(f"{archive}: {_shown(name)} leads out of the archive's folder")
    if path.count("/") > MAX_DEPTH:
        raise BadArchiveError(f"{archive}: {_shown(name)} is below more than {MAX_DEPTH} folders")
    return path


def _write(source: IO[bytes], folder: Path, name: str, mode: int, archive: str) -> None:
    with _refusing(name, archive):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            while chunk := source.read(_CHUNK):
                file.write(chunk)
            os.fchmod(file.fileno(), _mode(mode))


@contextmanager
def _refusing(name: str, archive: str) -> Iterator[None]:
    """What is written within is called ``name`` in the archive, for which no place can be found in some."""
    try:
        yield
    except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
        raise BadArchiveError(f"{archive}: {_shown(name)} is a file and a folder at once") from error
    except OSError as error:
        if error.errno != errno.ENAMETOOLONG:
            raise
        raise BadArchiveError(f"{archive}: the name {_shown(name)} is too long for a file here") from error


def _shown(name: str) -> str:
    return repr(name) if len(name) <= _MAX_SHOWN else f"{name[:_MAX_SHOWN]!r}... ({len(name)} characters)"


def _mode(mode: int) -> int:
    return 0o755 if mode & stat.S_IXUSR else 0o644
