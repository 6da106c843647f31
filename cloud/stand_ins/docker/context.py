"""The context of a build, sent as a tar archive while it is read."""

import io
import os
import secrets
import sys
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from cloud.engine.images.ignored import Ignored
from cloud.stand_ins.failures import Failure

_IGNORE = ".dockerignore"
_COMPRESSED = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00")
_TAR_MAGIC = slice(257, 262)
_BLOCK = 512
_PIECE = 2**18
Send = Callable[[bytes], None]


@dataclass(frozen=True, slots=True)
class Context:
    """
    Args:
        dockerfile: its path in the archive.
        send: calls its argument with each piece of the archive.
    """

    dockerfile: str
    send: Callable[[Send], None]


def context_of(place: str, dockerfile: str) -> Context:
    """
    Args:
        place: a folder, or ``-``: standard input has an archive, or a Dockerfile alone.
        dockerfile: as given by ``-f``: relative to the current folder; empty, or ``-``: on standard input.

    Raises:
        Failure: there is no such folder or file.
    """
    if place == "-":
        if dockerfile == "-":
            raise Failure("invalid argument: can't use stdin for both build context and dockerfile")
        return _standard_input(dockerfile)
    folder = Path(place)
    if "://" in place or place.startswith(("git@", "github.com/")):
        raise Failure(f"{place}: nothing is fetched from other hosts in this cloud; clone it and build the folder")
    if not folder.is_dir():
        raise Failure(f'unable to prepare context: path "{place}" not found')
    if dockerfile == "-":
        return _with_dockerfile(folder, sys.stdin.buffer.read())
    if not dockerfile:
        if not (folder / "Dockerfile").exists():
            raise _no_dockerfile(folder / "Dockerfile")
        return Context("Dockerfile", lambda send: _send_folder(folder, "Dockerfile", {}, send))
    file = Path(dockerfile)
    if not file.is_file():
        raise _no_dockerfile(file)
    try:
        inside = file.resolve().relative_to(folder.resolve()).as_posix()
    except ValueError:
        return _with_dockerfile(folder, file.read_bytes())
    return Context(inside, lambda send: _send_folder(folder, inside, {}, send))


def _with_dockerfile(folder: Path, text: bytes) -> Context:
    """Of a Dockerfile from elsewhere. It gets a name of its own, which no COPY copies."""
    name = f".dockerfile.{secrets.token_hex(10)}"
    given = folder / _IGNORE
    ignore = given.read_text() if given.is_file() else ""
    added = {name: text, _IGNORE: f"{ignore}\n{_IGNORE}\n{name}\n".encode()}
    return Context(name, lambda send: _send_folder(folder, name, added, send))


def _standard_input(dockerfile: str) -> Context:
    head = sys.stdin.buffer.read(_BLOCK)
    if head.startswith(_COMPRESSED) or head[_TAR_MAGIC] == b"ustar":

        def send(write: Send) -> None:
            write(head)
            while piece := sys.stdin.buffer.read(_PIECE):
                write(piece)

        return Context(dockerfile or "Dockerfile", send)
    if dockerfile:
        raise Failure(f"-f {dockerfile}: standard input has no archive with a file of this name, but a Dockerfile")
    text = head + sys.stdin.buffer.read()

    def send_alone(write: Send) -> None:
        with tarfile.open(fileobj=_Writer(write), mode="w|") as tar:
            _add(tar, "Dockerfile", text)

    return Context("Dockerfile", send_alone)


def _send_folder(folder: Path, dockerfile: str, added: dict[str, bytes], send: Send) -> None:
    """All that ``.dockerignore`` does not name: what it names may be large. The engine reads the file, too."""
    file = folder / _IGNORE
    ignored = Ignored(file.read_text() if file.is_file() else "")
    with tarfile.open(fileobj=_Writer(send), mode="w|", bufsize=_PIECE) as tar:
        for path in _paths(folder, ignored):
            if path not in added and path not in (dockerfile, _IGNORE):
                _add_file(tar, folder / path, path)
        for path in {dockerfile, _IGNORE} - set(added):
            if (folder / path).is_file():
                _add_file(tar, folder / path, path)
        for path, text in added.items():
            _add(tar, path, text)


def _paths(folder: Path, ignored: Ignored) -> Iterator[str]:
    """Files, links and folders, a folder before what is in it."""
    for place, folders, files in os.walk(folder):
        relative = Path(place).relative_to(folder)
        for name in sorted([*folders, *files]):
            path = (relative / name).as_posix()
            if not ignored(path):
                yield path
            elif name in folders and not ignored.has_exceptions:
                folders.remove(name)
        folders.sort()


def _add_file(tar: tarfile.TarFile, file: Path, path: str) -> None:
    try:
        member = tar.gettarinfo(file, arcname=path)
        if member is None or not (member.isreg() or member.isdir() or member.issym() or member.islnk()):
            return  # sockets and the like
        if member.isreg():
            with file.open("rb") as content:
                tar.addfile(member, content)
        else:
            tar.addfile(member)
    except PermissionError as error:
        raise Failure(f"error checking context: no permission to read from '{file}': {error.strerror}") from None


def _add(tar: tarfile.TarFile, path: str, content: bytes) -> None:
    member = tarfile.TarInfo(path)
    member.size, member.mode = len(content), 0o644
    tar.addfile(member, io.BytesIO(content))


class _Writer(io.RawIOBase):
    def __init__(self, send: Send) -> None:
        self._send = send

    def writable(self) -> bool:
        return True

    def write(self, piece: object) -> int:
        data = bytes(piece)  # type: ignore[call-overload] # any buffer
        self._send(data)
        return len(data)


def _no_dockerfile(file: Path) -> Failure:
    return Failure(
        f"unable to prepare context: unable to evaluate symlinks in Dockerfile path: lstat {file.absolute()}: no such "
        "file or directory"
    )
