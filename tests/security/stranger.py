"""A program of another user of this machine, for ``unix_users.attack``.

    stranger.py UID plain|mapped|half-closed|gone|reset|endless PORT <request >response

It starts as root, which may read Python and this file wherever they are, and becomes the user before it makes a socket.
"""

import contextlib
import os
import socket
import struct
import sys


def main(uid: int, how: str, port: int, request: bytes) -> bytes:
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    mapped = how == "mapped"
    with socket.socket(socket.AF_INET6 if mapped else socket.AF_INET) as connection:
        connection.settimeout(20)
        connection.connect(("::ffff:127.0.0.1" if mapped else "127.0.0.1", port))
        connection.sendall(request)
        if how == "reset":
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if how in ("gone", "reset"):
            return b""
        if how == "endless":
            with contextlib.suppress(ConnectionError):
                while True:
                    connection.sendall(b"X-Y: z\r\n" * 1000)
            return b""
        if how == "half-closed":
            connection.shutdown(socket.SHUT_WR)
        response = b""
        while received := connection.recv(65536):
            response += received
        return response


if __name__ == "__main__":
    sys.stdout.buffer.write(main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.stdin.buffer.read()))
