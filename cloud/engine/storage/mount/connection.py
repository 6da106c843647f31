"""``MountConnection``: serves one mounted folder, in the event loop, until it is closed or unmounted."""

import asyncio
import errno
import logging
import os

from cloud.engine.storage.mount.files import Files
from cloud.engine.storage.mount.messages import ANSWER, HEADER, READ_SIZE, Opcode, init_answer

_log = logging.getLogger(__name__)
_AT_ONCE = 16
"""Requests read before other work of the event loop has its turn."""
_SILENT = (Opcode.FORGET, Opcode.BATCH_FORGET, Opcode.INTERRUPT, Opcode.DESTROY)
"""Requests that have no answer."""


class MountConnection:
    """
    Args:
        device: descriptor of /dev/fuse that is mounted; closed by this object.
        files: what the folder holds.
    """

    def __init__(self, device: int, files: Files) -> None:
        self._device, self._files = device, files
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_open = True
        self._loop = asyncio.get_running_loop()
        os.set_blocking(device, False)
        self._loop.add_reader(device, self._read)

    def close(self) -> None:
        """Whoever uses the folder gets an error from now on. Idempotent."""
        if not self._is_open:
            return
        self._is_open = False
        self._loop.remove_reader(self._device)
        for task in self._tasks:
            task.cancel()
        os.close(self._device)
        self._files.close()

    def _read(self) -> None:
        for _ in range(_AT_ONCE):
            if not self._is_open:
                return
            try:
                request = os.read(self._device, READ_SIZE)
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno not in (errno.ENOENT, errno.EINTR):  # else: that request was interrupted
                    self.close()  # ENODEV: it was unmounted
                    return
            else:
                self._receive(request)

    def _receive(self, request: bytes) -> None:
        _, opcode, unique, node, *_ = HEADER.unpack_from(request)
        body = request[HEADER.size :]
        if opcode == Opcode.INIT:
            self._answer(unique, init_answer(body))
        elif opcode in _SILENT:
            self._files.forget(opcode, node, body)
        else:
            task = self._loop.create_task(self._perform(opcode, node, body, unique))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _perform(self, opcode: int, node: int, body: bytes, unique: int) -> None:
        try:
            answer, error = await self._files.perform(opcode, node, body), 0
        except OSError as failure:
            answer, error = b"", failure.errno or errno.EIO
        except Exception:  # noqa: BLE001 - the program must get an answer, or it waits for ever
            _log.exception("a request of a mounted bucket failed")
            answer, error = b"", errno.EIO
        if self._is_open:
            self._answer(unique, answer, error)

    def _answer(self, unique: int, answer: bytes, error: int = 0) -> None:
        try:
            os.writev(self._device, [ANSWER.pack(ANSWER.size + len(answer), -error, unique), answer])
        except OSError as failure:
            if failure.errno not in (errno.ENOENT, errno.ENODEV):  # the request was interrupted, or all is unmounted
                _log.warning("an answer to a mounted folder could not be given: %s", failure)
