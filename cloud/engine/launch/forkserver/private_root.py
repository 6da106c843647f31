"""A root folder of the process's own, in which only what it may read or write exists (mount_namespaces(7)).

Landlock keeps a process from opening other files, not from changing their mode, owner or times, from asking whether
they exist, or from connecting to a Unix socket by its path. What does not exist is safe from all of that.
Standard library only.
"""

import errno
import os
import stat
import struct
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from .libc import call, system_call

_CLONE_NEWNS, _CLONE_NEWIPC = 0x00020000, 0x08000000  # linux/sched.h
_NOSUID, _NOEXEC, _BIND, _RECURSIVE, _PRIVATE = 1 << 1, 1 << 3, 1 << 12, 1 << 14, 1 << 18  # linux/mount.h
_DETACH = 2
_MOUNT_SETATTR, _AT_FDCWD, _AT_RECURSIVE, _ATTR_RDONLY = 442, -100, 0x8000, 1
_MADE_AT = "/tmp"  # noqa: S108
"""Any folder: the new root is mounted there, and moved."""
_OLD = "/.machine"
"""Where the machine's own root is while the new one is filled."""
_MOST_LINKS = 40
"""As many symbolic links as the kernel follows in one path (path_resolution(7))."""

WRITABLE = ("/tmp", "/var/tmp", "/run", "/dev/shm")  # noqa: S108 - of the private root
"""Empty folders of its own, gone with the process; ``/run`` and ``/tmp`` are where sockets of other programs are."""
_BELOW_WRITABLE = tuple(f"{folder}/" for folder in WRITABLE)
TERMINALS = "/dev/pts"
_DEVICE_LINKS = {
    "/dev/ptmx": "pts/ptmx",
    "/dev/fd": "/proc/self/fd",
    "/dev/stdin": "/proc/self/fd/0",
    "/dev/stdout": "/proc/self/fd/1",
    "/dev/stderr": "/proc/self/fd/2",
    "/var/run": "/run",
}


class Tree(NamedTuple):
    """What the new root has of the machine's.

    Args:
        folders: real paths, parents before what is below them, each with whether it can be written.
        links: symbolic links, with their targets.
    """

    folders: Sequence[tuple[str, bool]]
    links: Sequence[tuple[str, str]]


def enter(read: Iterable[str], write: Iterable[str], *, read_only: bool, shares_ipc: bool = False) -> None:
    """Give this process, which has all capabilities in its user namespace, a private root. Its working directory is the
    new root.

    Args:
        read, write: absolute paths; one that does not exist or cannot be reached is left out.
        read_only: whether what is only read cannot be changed; False where Landlock sees to that.
        shares_ipc: whether it keeps System V's and POSIX's means to talk to other processes.

    Raises:
        OSError: the system refuses it; names the step.
    """
    tree = plan(read, write)
    call("unshare", _CLONE_NEWNS if shares_ipc else _CLONE_NEWNS | _CLONE_NEWIPC)
    _mount(None, "/", None, _RECURSIVE | _PRIVATE)
    _mount("root", _MADE_AT, "tmpfs", _NOSUID, "mode=755")
    os.mkdir(_MADE_AT + _OLD)
    call("pivot_root", _MADE_AT.encode(), (_MADE_AT + _OLD).encode())
    os.chdir("/")
    for folder in WRITABLE:
        _make_folder(folder)
        os.chmod(folder, 0o1777)  # noqa: S103 - its usual mode
    for path, writable in tree.folders:
        # What can be done in a folder can for Landlock be done below it: it does not see to that in a writable one.
        _bind(path, read_only=not writable and (read_only or _is_temporary(path)))
    for path, target in (*tree.links, *_DEVICE_LINKS.items()):
        if not os.path.lexists(path):
            _make_folder(os.path.dirname(path))
            os.symlink(target, path)
    if not os.path.lexists(TERMINALS):
        os.mkdir(TERMINALS)
        _mount("devpts", TERMINALS, "devpts", _NOSUID | _NOEXEC, "newinstance,ptmxmode=0666,mode=620")
    call("umount2", _OLD.encode(), _DETACH)
    os.rmdir(_OLD)


def add_files(folder: str, target: str = "/") -> list[str]:
    """Bind what is in ``folder`` below ``target``, where this root has nothing of that name. Call it in a private root,
    with all capabilities.

    Returns:
        The paths that were bound.
    """
    bound: list[str] = []
    for entry in os.scandir(folder):
        path = os.path.join(target, entry.name)
        if not os.path.lexists(path):
            if entry.is_symlink():
                os.symlink(os.readlink(entry.path), path)
                continue
            if entry.is_dir():
                os.mkdir(path)
            else:
                os.close(os.open(path, os.O_CREAT | os.O_RDONLY, 0o644))
            _mount(entry.path, path, None, _BIND | _RECURSIVE)
            bound.append(path)
        # Of the machine's own folders, which are mounts, nothing is changed.
        elif entry.is_dir(follow_symlinks=False) and not os.path.islink(path) and _is_of_root(path):
            bound += add_files(entry.path, path)
    return bound


def _is_of_root(path: str) -> bool:
    return os.path.isdir(path) and os.stat(path).st_dev == os.stat("/").st_dev


def plan(read: Iterable[str], write: Iterable[str]) -> Tree:
    """What has to be mounted for these paths: none that is below another, unless only that one can be read."""
    wanted: dict[str, bool] = {}
    links: dict[str, str] = {}
    for paths, writable in ((read, False), (write, True)):
        for path in paths:
            real = _resolve(path, links)
            if real is not None:
                wanted[real] = wanted.get(real, False) or writable
    folders: dict[str, bool] = {}
    for path in sorted(wanted, key=lambda path: path.split("/")):
        above = next((parent for parent in _parents(path) if parent in folders), None)
        if above is None or (wanted[path] and not folders[above]):
            folders[path] = wanted[path]
    covered = {path: any(parent in folders for parent in _parents(path)) for path in links}
    return Tree(list(folders.items()), [(path, target) for path, target in links.items() if not covered[path]])


def _resolve(path: str, links: dict[str, str]) -> str | None:
    """The real path, with the links on the way to it added to ``links``; None if it does not exist, or cannot be
    reached."""
    parts, real, followed = path.split("/")[::-1], "", 0
    while parts:
        part = parts.pop()
        if part in ("", "."):
            continue
        if part == "..":
            real = os.path.dirname(real).rstrip("/")
            continue
        step = f"{real}/{part}"
        try:
            target = os.readlink(step)
        except (FileNotFoundError, NotADirectoryError, PermissionError):
            return None
        except OSError as error:
            if error.errno != errno.EINVAL:  # it is none
                raise
            real = step
            continue
        followed += 1
        if followed > _MOST_LINKS:
            return None
        links[step] = target
        parts.extend(target.split("/")[::-1])
        real = "" if target.startswith("/") else real
    return real or "/"


def _parents(path: str) -> Iterator[str]:
    while path != "/":
        path = path[: path.rindex("/")] or "/"
        yield path


def _is_temporary(path: str) -> bool:
    return f"{path}/".startswith(_BELOW_WRITABLE)


def _bind(path: str, *, read_only: bool) -> None:
    source = _OLD + path
    is_folder = stat.S_ISDIR(os.stat(source).st_mode)
    _make_folder(path if is_folder else os.path.dirname(path))
    if not is_folder:
        os.close(os.open(path, os.O_CREAT | os.O_RDONLY, 0o644))
    _mount(source, path, None, _BIND | _RECURSIVE)
    if read_only:
        attributes = struct.pack("=4Q", _ATTR_RDONLY, 0, 0, 0)
        system_call(
            "mount_setattr", _MOUNT_SETATTR, _AT_FDCWD, path.encode(), _AT_RECURSIVE, attributes, len(attributes)
        )


def _make_folder(path: str) -> None:
    try:
        os.mkdir(path)
    except FileExistsError:
        return
    except FileNotFoundError:
        _make_folder(os.path.dirname(path))
        os.mkdir(path)


def _mount(source: str | None, target: str, kind: str | None, flags: int, data: str | None = None) -> None:
    texts = [None if text is None else os.fsencode(text) for text in (source, target, kind, data)]
    call("mount", *texts[:3], flags, texts[3], step=f"mount {target}")
