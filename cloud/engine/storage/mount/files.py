"""``Files``: performs what the kernel requests of a mounted folder."""

import errno
import itertools
import os
import stat
import struct
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from cloud.engine.storage.mount import messages
from cloud.engine.storage.mount.buckets import FOLDER, BucketFolders
from cloud.engine.storage.mount.content import Content
from cloud.engine.storage.mount.messages import Attributes, Opcode
from cloud.engine.storage.mount.nodes import Nodes
from cloud.engine.storage.records import ObjectRecord

_FILE_MODE, _FOLDER_MODE = stat.S_IFREG | 0o644, stat.S_IFDIR | 0o755
_NO_REPLACE = 1
"""A flag of RENAME2 (renameat2(2))."""


@dataclass(frozen=True, slots=True)
class _Handle:
    """An open file, or folder."""

    record: ObjectRecord | None = None
    content: Content | None = None
    names: tuple[tuple[str, bool], ...] = ()


class Files:
    """
    Args:
        folder: for the content of files that are being written.
    """

    def __init__(self, folders: BucketFolders, folder: Path) -> None:
        self._folders, self._folder = folders, folder
        self._nodes = Nodes()
        self._handles: dict[int, _Handle] = {}
        self._numbers = itertools.count(1)
        self._contents: dict[str, Content] = {}
        """Of the files that are being written, by path."""
        self._emptied: set[str] = set()
        """Folders that were prefixes of names: here they exist until they are removed, though nothing is in them."""
        self._owner = (os.getuid(), os.getgid())
        self._started = time.time()
        self._operations: Mapping[int, Callable[[int, bytes], Awaitable[bytes]]] = {
            Opcode.LOOKUP: self._lookup,
            Opcode.GETATTR: self._get_attributes,
            Opcode.SETATTR: self._set_attributes,
            Opcode.MKDIR: self._make_folder,
            Opcode.UNLINK: self._unlink,
            Opcode.RMDIR: self._remove_folder,
            Opcode.RENAME: self._rename,
            Opcode.RENAME2: self._rename2,
            Opcode.CREATE: self._create,
            Opcode.OPEN: self._open,
            Opcode.READ: self._read,
            Opcode.WRITE: self._write,
            Opcode.FLUSH: self._flush,
            Opcode.FSYNC: self._flush,
            Opcode.RELEASE: self._release,
            Opcode.OPENDIR: self._open_folder,
            Opcode.READDIR: self._read_folder,
            Opcode.RELEASEDIR: self._release_folder,
            Opcode.STATFS: self._statistics,
        }

    def close(self) -> None:
        for content in self._contents.values():
            content.close()

    def forget(self, opcode: int, node: int, body: bytes) -> None:
        """What the kernel no longer refers to."""
        if opcode == Opcode.FORGET:
            self._nodes.forget(node, struct.unpack_from("=Q", body)[0])
        elif opcode == Opcode.BATCH_FORGET:
            (count,) = struct.unpack_from("=I", body)
            for number in range(count):
                self._nodes.forget(*struct.unpack_from("=QQ", body, 8 + 16 * number))

    async def perform(self, opcode: int, node: int, body: bytes) -> bytes:
        """The answer to a request.

        Raises:
            OSError: it cannot be done.
        """
        operation = self._operations.get(opcode)
        if operation is None:  # the kernel has a way without, or there is none: symbolic links, extended attributes
            raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
        try:
            return await operation(node, body)
        except UnicodeDecodeError:
            raise OSError(errno.EINVAL, "names are UTF-8") from None

    # ---------------------------------------------------------------- names

    async def _lookup(self, node: int, body: bytes) -> bytes:
        path = self._nodes.below(node, messages.text(body))
        attributes = self._attributes(path)
        return messages.entry(self._nodes.look_up(path), attributes)

    def _attributes(self, path: str) -> Attributes:
        if content := self._contents.get(path):
            return Attributes(_FILE_MODE, content.size, content.moment, self._owner)
        record = None if path in self._emptied else self._folders.find(path).record
        if record is None:
            return Attributes(_FOLDER_MODE, 0, self._started, self._owner)
        return Attributes(_FILE_MODE, record.size, record.update_time.timestamp(), self._owner)

    async def _get_attributes(self, node: int, body: bytes) -> bytes:
        flags, _, handle = struct.unpack_from("=IIQ", body)
        return messages.attributes_answer(node, self._of_handle(handle if flags & 1 else 0) or self._of_node(node))

    def _of_node(self, node: int) -> Attributes:
        return self._attributes(self._nodes.path(node))

    def _of_handle(self, number: int) -> Attributes | None:
        """Of an open file that is being written: it may have lost its name."""
        handle = self._handles.get(number)
        if handle is None or handle.content is None:
            return None
        return Attributes(_FILE_MODE, handle.content.size, handle.content.moment, self._owner)

    async def _set_attributes(self, node: int, body: bytes) -> bytes:
        """Sizes; permissions, owners and times of objects cannot be set, and are ignored, as in Cloud Storage FUSE."""
        valid, _, number, size = struct.unpack_from("=IIQQ", body)
        handle = self._handles.get(number) if valid & messages.SET_HANDLE else None
        if valid & messages.SET_SIZE:
            if handle and handle.content:
                handle.content.truncate(size)
            else:
                content = await self._content(self._nodes.path(node))
                content.truncate(size)
                await self._give_back(content)
        return messages.attributes_answer(node, (handle and self._of_handle(number)) or self._of_node(node))

    async def _make_folder(self, node: int, body: bytes) -> bytes:
        path = self._nodes.below(node, messages.text(body[8:]))
        await self._folders.make_folder(path)
        return messages.entry(self._nodes.look_up(path), self._attributes(path))

    async def _unlink(self, node: int, body: bytes) -> bytes:
        path = self._nodes.below(node, messages.text(body))
        content = self._contents.pop(path, None)
        if content is not None:
            content.is_removed = True
        try:
            self._folders.remove(path)
        except FileNotFoundError:
            if content is None:
                raise
        self._keep_folder_of(path)
        return b""

    async def _remove_folder(self, node: int, body: bytes) -> bytes:
        path = self._nodes.below(node, messages.text(body))
        if any(written.startswith(f"{path}/") for written in self._contents):
            raise OSError(errno.ENOTEMPTY, os.strerror(errno.ENOTEMPTY))
        try:
            self._folders.remove_folder(path)
        except FileNotFoundError:
            if path not in self._emptied:
                raise
        self._emptied.discard(path)
        self._keep_folder_of(path)
        return b""

    def _keep_folder_of(self, path: str) -> None:
        """After the removal of a name."""
        folder = path.rpartition("/")[0]
        if "/" in folder and not self._exists(folder):
            self._emptied.add(folder)

    async def _rename(self, node: int, body: bytes) -> bytes:
        return await self._rename_to(node, struct.unpack_from("=Q", body)[0], 0, body[8:])

    async def _rename2(self, node: int, body: bytes) -> bytes:
        parent, flags, _ = struct.unpack_from("=QII", body)
        return await self._rename_to(node, parent, flags, body[16:])

    async def _rename_to(self, node: int, parent: int, flags: int, names: bytes) -> bytes:
        if flags & ~_NO_REPLACE:
            raise OSError(errno.EINVAL, "no such kind of renaming")
        old, new = names.split(b"\0")[:2]
        source, target = self._nodes.below(node, messages.text(old)), self._nodes.below(parent, messages.text(new))
        if flags & _NO_REPLACE and self._exists(target):
            raise OSError(errno.EEXIST, os.strerror(errno.EEXIST))
        if content := self._contents.get(source):
            await content.store()
        await self._folders.rename(source, target)
        if replaced := self._contents.pop(target, None):
            replaced.is_removed = True
        if content:
            self._contents[target] = self._contents.pop(source)
            content.path = target
        self._nodes.rename(source, target)
        self._emptied.discard(source)
        self._keep_folder_of(source)
        return b""

    def _exists(self, path: str) -> bool:
        try:
            self._attributes(path)
        except FileNotFoundError:
            return False
        return True

    # ---------------------------------------------------------------- files

    async def _create(self, node: int, body: bytes) -> bytes:
        path = self._nodes.below(node, messages.text(body[16:]))
        self._folders.check_write(path)
        content = self._contents.get(path) or self._new_content(path)
        content.uses += 1
        entry = messages.entry(self._nodes.look_up(path), self._attributes(path))
        return entry + messages.opened(self._number(_Handle(content=content)))

    async def _open(self, node: int, body: bytes) -> bytes:
        (flags,) = struct.unpack_from("=I", body)
        path = self._nodes.path(node)
        if flags & os.O_ACCMODE == os.O_RDONLY and path not in self._contents:
            return messages.opened(self._number(_Handle(record=self._record(path))))
        if flags & os.O_ACCMODE != os.O_RDONLY:
            self._folders.check_write(path)
        content = self._new_content(path) if self._replaces(path, flags) else await self._content(path)
        if flags & os.O_TRUNC:
            content.truncate(0)
        content.uses += 1
        return messages.opened(self._number(_Handle(content=content)))

    def _replaces(self, path: str, flags: int) -> bool:
        return bool(flags & os.O_TRUNC) and path not in self._contents

    async def _read(self, _: int, body: bytes) -> bytes:
        number, offset, size = struct.unpack_from("=QQI", body)
        handle = self._handle(number)
        if handle.content:
            return handle.content.read(offset, size)
        assert handle.record is not None  # noqa: S101 - a file has one of both
        return await self._folders.read(handle.record, offset, size)

    async def _write(self, _: int, body: bytes) -> bytes:
        number, offset, size = struct.unpack_from("=QQI", body)
        content = self._handle(number).content
        if content is None:
            raise OSError(errno.EBADF, "not open for writing")
        content.write(offset, body[40 : 40 + size])
        return messages.written(size)

    async def _flush(self, _: int, body: bytes) -> bytes:
        content = self._handle(struct.unpack_from("=Q", body)[0]).content
        if content is not None:
            await content.store()
        return b""

    async def _release(self, _: int, body: bytes) -> bytes:
        handle = self._handles.pop(struct.unpack_from("=Q", body)[0], None)
        if handle is not None and handle.content is not None:
            handle.content.uses -= 1
            await self._give_back(handle.content)
        return b""

    def _new_content(self, path: str) -> Content:
        content = self._contents[path] = Content(self._folders, path, self._folder)
        return content

    async def _content(self, path: str) -> Content:
        if path in self._contents:
            return self._contents[path]
        record = self._record(path)
        content = Content(self._folders, path, self._folder)
        await content.load(record)
        return self._contents.setdefault(path, content)

    async def _give_back(self, content: Content) -> None:
        """Store and forget it, unless somebody has it open."""
        if content.uses:
            return
        await content.store()
        if not content.uses:
            if self._contents.get(content.path) is content:
                del self._contents[content.path]
            content.close()

    def _record(self, path: str) -> ObjectRecord:
        found = self._folders.find(path)
        if found is FOLDER or found.record is None:
            raise OSError(errno.EISDIR, os.strerror(errno.EISDIR))
        return found.record

    # ---------------------------------------------------------------- folders

    async def _open_folder(self, node: int, _: bytes) -> bytes:
        path = self._nodes.path(node)
        names = dict(self._folders.names(path))
        prefix = f"{path}/"
        written = (name[len(prefix) :] for name in self._contents if name.startswith(prefix))
        names |= {name: False for name in written if "/" not in name}
        listed = ((".", True), ("..", True), *sorted(names.items()))
        return messages.opened(self._number(_Handle(names=listed)))

    async def _read_folder(self, _: int, body: bytes) -> bytes:
        number, offset, size = struct.unpack_from("=QQI", body)
        return messages.directory(list(self._handle(number).names), offset, size)

    async def _release_folder(self, _: int, body: bytes) -> bytes:
        self._handles.pop(struct.unpack_from("=Q", body)[0], None)
        return b""

    async def _statistics(self, _: int, __: bytes) -> bytes:
        return messages.statistics()

    # ---------------------------------------------------------------- handles

    def _number(self, handle: _Handle) -> int:
        number = next(self._numbers)
        self._handles[number] = handle
        return number

    def _handle(self, number: int) -> _Handle:
        handle = self._handles.get(number)
        if handle is None:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        return handle
