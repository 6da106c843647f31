"""Untrusted package archives in zip files: wheels, and source distributions as ``sdist --formats=zip`` makes them."""

import hashlib
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from cloud.engine.jobs.archives import (
    CHUNK,
    BadArchiveError,
    check_limits,
    file_mode,
    find_root,
    relative_path,
    write_member,
)


@contextmanager
def open_zip(path: Path) -> Iterator[zipfile.ZipFile]:
    """The opened archive, whose members are within the limits.

    Raises:
        FailedPrecondition: it is damaged or too large; also if that is found while it is read in the ``with`` block.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            check_limits(path.name, len(members), sum(member.file_size for member in members))
            yield archive
    # RuntimeError and NotImplementedError: encrypted, or compressed by a method that zipfile does not support.
    except (zipfile.BadZipFile, EOFError, zlib.error, NotImplementedError, RuntimeError) as error:
        kind = "wheel" if path.suffix == ".whl" else "zip archive"
        raise BadArchiveError(f"{path.name} is not a {kind} that can be read: {error}") from error


def zip_content_key(path: Path) -> str:
    """SHA-256 (hex) of the names, contents and executable bits of the files; order and times do not matter.

    Raises:
        FailedPrecondition: see ``open_zip``.
    """
    entries = []
    with open_zip(path) as archive:
        for member in archive.infolist():
            if not member.is_dir():
                entry = hashlib.sha256(f"{member.filename}\0{_mode(member):o}\0".encode())
                with archive.open(member) as file:
                    while chunk := file.read(CHUNK):
                        entry.update(chunk)
                entries.append(entry.digest())
    return hashlib.sha256(b"".join(sorted(entries))).hexdigest()


def unpack_zip(archive: zipfile.ZipFile, name: str, folder: Path, target_path: Callable[[str], str]) -> None:
    """Unpack ``archive`` into ``folder``, each member to the relative path that ``target_path`` returns for its name.

    Raises:
        FailedPrecondition: it has a member outside the folder.
    """
    for member in archive.infolist():
        if not member.is_dir():
            relative_path(member.filename, name)
            with archive.open(member) as source:
                write_member(source, folder, relative_path(target_path(member.filename), name), _mode(member), name)


def unpack_zip_sdist(path: Path, folder: Path) -> Path:
    """Unpack a ``.zip`` into the empty ``folder``; returns the top folder of the source distribution.

    Raises:
        FailedPrecondition: it is damaged, too large, not a source distribution, or has a member outside the folder.
    """
    with open_zip(path) as archive:
        unpack_zip(archive, path.name, folder, lambda member: member)
        tops = {relative_path(member, path.name).partition("/")[0] for member in archive.namelist()}
    return find_root(folder, tops, path.name)


def _mode(member: zipfile.ZipInfo) -> int:
    return file_mode(member.external_attr >> 16)
