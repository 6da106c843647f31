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


async def receive_descriptors(connection: socket.socket, most: int) -> tuple[dict[str, Json] | None, list[int]]:
    """One message of less than 4 KiB with descriptors; None if the peer closed the connection instead."""
    while True:
        try:
            received, descriptors, _, _ = socket.recv_fds(connection, 4096, most)
        except BlockingIOError:
            await _readable(connection)
        except ConnectionResetError:
            return None, []
        else:
            return json.loads(received) if received else None, descriptors


async def send_descriptors(connection: socket.socket, kind: bytes, descriptors: Sequence[int]) -> None:
    """Send the byte ``kind`` with ``descriptors``.

    Raises:
        OSError: the peer closed the connection.
    """
    while True:
        try:
            socket.send_fds(connection, [kind], descriptors)
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


async def _readable(connection: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    loop.add_reader(connection, readable.set)
    try:
        await readable.wait()
    finally:
        loop.remove_reader(connection)
