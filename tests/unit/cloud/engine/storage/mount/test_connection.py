import asyncio
import gc
import os
import socket

from cloud.engine.storage.mount.connection import MountConnection
from cloud.engine.storage.mount.messages import HEADER, Opcode


class Ending:
    """Files whose folder is unmounted when one of them is forgotten."""

    connection: MountConnection
    performed = False

    def __init__(self):
        self.ended = asyncio.Event()

    async def perform(self, opcode, node, body):
        self.performed = True

    def forget(self, opcode, node, body):
        self.connection.close()

    def close(self):
        self.ended.set()


def request(opcode):
    return HEADER.pack(HEADER.size, opcode, 1, 1, *[0] * 5)


async def test_a_request_that_comes_with_the_end_is_not_begun():
    kernel, device = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with kernel, device:
        files = Ending()
        files.connection = MountConnection(os.dup(device.fileno()), files)
        kernel.send(request(Opcode.GETATTR))
        kernel.send(request(Opcode.FORGET))
        await files.ended.wait()
        gc.collect()  # a coroutine that nobody awaited would be an error
        assert not files.performed
