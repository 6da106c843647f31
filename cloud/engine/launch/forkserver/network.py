"""Creates a network namespace and hands it to the engine. Standard library only."""

import json
import os
import socket
from typing import NoReturn

from .namespaces import enter_new_network


def create_network(connection: socket.socket) -> NoReturn:
    """Read a port from the engine, enter a new network, and send the descriptors of its user namespace, its network
    namespace and a socket bound to that port of its loopback interface; or the error. Then end."""
    port = json.loads(connection.recv(4096))["port"]
    try:
        enter_new_network()
        listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listening.bind(("127.0.0.1", port))
        descriptors = [os.open(f"/proc/self/ns/{name}", os.O_RDONLY) for name in ("user", "net")]
    except OSError as error:
        connection.sendall(json.dumps({"error": error.strerror}).encode())
    else:
        socket.send_fds(connection, [b"{}"], [*descriptors, listening.fileno()])
    os._exit(0)
