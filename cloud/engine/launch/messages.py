"""The protocol between the engine and the ``forkserver`` program: JSON lines and descriptors over Unix sockets."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Mapping, Sequence

from cloud.resources import Json


async def send_message(connection: socket.socket, message: Mapping[str, object]) -> None:
    """Raises:
    OSError: the peer closed the connection.
    """
    await asyncio.get_running_loop().sock_sendall(connection, json.dumps(message).encode() + b"\n")


async def receive_messages(connection: socket.socket) -> AsyncIterator[dict[str, Json]]:
    """The messages that arrive until the peer closes the connection."""
    loop = asyncio.get_running_loop()
    pending = b""
    while True:
        try:
            received = await loop.sock_recv(connection, 65536)
        except ConnectionResetError:
            return
        if not received:
            return
        *lines, pending = (pending + received).split(b"\n")
        for line in lines:
            yield json.loads(line)


async def send_descriptors(connection: socket.socket, descriptors: Sequence[int]) -> None:
    """Send one byte with ``descriptors``.

    Raises:
        OSError: the peer closed the connection.
    """
    while True:
        try:
            socket.send_fds(connection, [b"\0"], descriptors)
        except BlockingIOError:
            await _writable(connection)
        else:
            return


async def _writable(connection: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    writable = asyncio.Event()
    loop.add_writer(connection, writable.set)
    try:
        await writable.wait()
    finally:
        loop.remove_writer(connection)
