"""Untrusted package archives in tar files: unpacked without writing outside the folder and without filling the disk."""

import errno
import hashlib
import os
import posixpath
import stat
import tarfile
import zlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from cloud.errors import FailedPrecondition

MAX_BYTES = 2 * 1024**3
MAX_MEMBERS = 100_000
MAX_DEPTH = 100
"""Levels of nested folders: the code that packs, builds, imports and removes them is recursive."""
CHUNK = 1024 * 1024
_MAX_NAME_SHOWN = 100


class BadArchiveError(FailedPrecondition):
    """The archive is damaged, or has a member that a package must not have."""


def content_key(archive: Path) -> str:
    """SHA-256 (hex) of the names, contents and executable bits in a ``.tar.gz``; order and times do not matter.

    Raises:
        FailedPrecondition: see ``unpack_sdist``.
    """
    entries = []
    with _open_tar(archive) as tar:
        for member in _members(tar, archive.name):
            described = f"{member.name}\0{member.type!r}\0{member.linkname}\0{file_mode(member.mode):o}\0".encode()
            entry = hashlib.sha256(described)
            file = tar.extractfile(member) if member.isreg() else None
            while file and (chunk := file.read(CHUNK)):
                entry.update(chunk)
            entries.append(entry.digest())
    return hashlib.sha256(b"".join(sorted(entries))).hexdigest()


def unpack_sdist(archive: Path, folder: Path) -> Path:
    """Unpack a ``.tar.gz`` into the empty ``folder``; returns the top folder of the source distribution.

    Raises:
        FailedPrecondition: it is not a source distribution; or see ``unpack_tar``.
    """
    return find_root(folder, unpack_tar(archive, folder), archive.name)


def unpack_tar(archive: Path, folder: Path, left_out: list[str] | None = None) -> set[str]:
    """Unpack a ``.tar.gz`` into the empty ``folder``; returns the first parts of its members' paths.

    Links become copies of their targets, so that no path in ``folder`` leads out of it.

    Args:
        left_out: gets the names of the links that lead to no file of the archive, which are left out; None: such a
            link is an error.

    Raises:
        FailedPrecondition: it is damaged, too large, or has a member that is a device, is sparse, or is outside the
            folder.
    """
    links: list[tuple[str, str]] = []
    tops: set[str] = set()
    sizes: dict[str, int] = {}
    with _open_tar(archive) as tar:
        for member in _members(tar, archive.name):
            name = relative_path(member.name, archive.name)
            tops.add(name.partition("/")[0])
            if member.isdir():
                with _refuse_bad_names(name, archive.name):
                    (folder / name).mkdir(parents=True, exist_ok=True)
            elif member.isreg():
                source = tar.extractfile(member)
                assert source is not None  # noqa: S101 - of a regular file there always is one
                write_member(source, folder, name, member.mode, archive.name)
                sizes[name] = member.size
            else:
                target = posixpath.join(posixpath.dirname(name), member.linkname) if member.issym() else member.linkname
                links.append(
                    (name, posixpath.normpath(target) if left_out is not None else relative_path(target, archive.name))
                )
    # A link has no size in the archive; its copy has the target's. A thousand links to one large file must not pass.
    for name, target in links:
        sizes[name] = sizes.get(target, 0)
    check_limits(archive.name, len(sizes), sum(sizes.values()))
    for name, target in links:
        if target not in sizes or not (folder / target).is_file():
            if left_out is not None:
                left_out.append(name)
                continue
            raise BadArchiveError(
                f"{archive.name}: {_shorten(name)} is a link to {_shorten(target)}, which is no file of the archive"
            )
        with (folder / target).open("rb") as source:
            write_member(source, folder, name, (folder / target).stat().st_mode, archive.name)
    return tops


def find_root(folder: Path, tops: Collection[str], archive: str) -> Path:
    """The top folder of the source distribution that was unpacked in ``folder``.

    Args:
        tops: the first parts of the members' paths.

    Raises:
        FailedPrecondition: it is not a source distribution.
    """
    roots = [folder / top for top in tops if top != "."]
    if len(roots) != 1 or not any((roots[0] / name).is_file() for name in ("setup.py", "pyproject.toml")):
        raise BadArchiveError(
            f"{archive} is no source distribution: it has to hold one folder NAME-VERSION with a setup.py or "
            "pyproject.toml; build it with `python setup.py sdist`"
        )
    return roots[0]


@contextmanager
def _open_tar(archive: Path) -> Iterator[tarfile.TarFile]:
    try:
        with tarfile.open(archive, "r:gz") as tar:
            yield tar
    except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:  # an error of the disk, not of the archive
            raise
        raise BadArchiveError(f"{archive.name} is not a .tar.gz archive that can be read: {error}") from error


def _members(tar: tarfile.TarFile, archive: str) -> Iterator[tarfile.TarInfo]:
    """Each member. One that is not allowed is refused before any of its bytes are read."""
    total = 0
    for count, member in enumerate(tar, 1):
        total += member.size
        check_limits(archive, count, total)
        if member.issparse() or not (member.isreg() or member.isdir() or member.issym() or member.islnk()):
            raise BadArchiveError(f"{archive}: {_shorten(member.name)} is no ordinary file, folder or link")
        yield member
    # gzip's checksum is at the end: reading to there verifies it.
    while rest := len(tar.fileobj.read(CHUNK)) if tar.fileobj else 0:
        total += rest
        check_limits(archive, 0, total)


def check_limits(archive: str, members: int, size: int) -> None:
    """Raises:
    FailedPrecondition: too many files, or too large when unpacked (``size``: bytes).
    """
    if members > MAX_MEMBERS or size > MAX_BYTES:
        raise BadArchiveError(
            f"{archive} unpacks to more than {MAX_MEMBERS} files or {MAX_BYTES >> 20} MiB: "
            "put data into the bucket, not into the package"
        )


def relative_path(name: str, archive: str) -> str:
    """``name`` normalised, a relative path below the folder.

    Raises:
        FailedPrecondition: it leads out of the folder, or is too deep in it.
    """
    path = posixpath.normpath(name)
    if path.startswith(("/", "../")) or path == ".." or "\0" in path:
        raise BadArchiveError(f"{archive}: {_shorten(name)} leads out of the archive's folder")
    if path.count("/") > MAX_DEPTH:
        raise BadArchiveError(f"{archive}: {_shorten(name)} is below more than {MAX_DEPTH} folders")
    return path


def write_member(source: IO[bytes], folder: Path, name: str, mode: int, archive: str) -> None:
    """Write a member to ``name``, the relative path that it has in ``folder``."""
    with _refuse_bad_names(name, archive):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            while chunk := source.read(CHUNK):
                file.write(chunk)
            os.fchmod(file.fileno(), file_mode(mode))


@contextmanager
def _refuse_bad_names(name: str, archive: str) -> Iterator[None]:
    """Turn errors of the file system that the member's name causes into ``BadArchiveError``."""
    try:
        yield
    except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
        raise BadArchiveError(f"{archive}: {_shorten(name)} is a file and a folder at once") from error
    except OSError as error:
        if error.errno != errno.ENAMETOOLONG:
            raise
        raise BadArchiveError(f"{archive}: the name {_shorten(name)} is too long for a file here") from error


def _shorten(name: str) -> str:
    return repr(name) if len(name) <= _MAX_NAME_SHOWN else f"{name[:_MAX_NAME_SHOWN]!r}... ({len(name)} characters)"


def file_mode(mode: int) -> int:
    """The permissions of an unpacked file whose member has ``mode``."""
    return 0o755 if mode & stat.S_IXUSR else 0o644
