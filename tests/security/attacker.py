"""Code that strangers wrote: tries what no job, package build or model may do, and says what it could.

Its source goes into jobs, packages and models; the standard library only.
"""

import http.client
import json
import os
import resource
import socket
import sys
from collections.abc import Callable
from urllib.parse import urlsplit


def read(path: str) -> None:
    with open(path, "rb") as file:
        file.read(100)


def write(path: str) -> None:
    with open(path, "r+b"):  # of a private folder it could make one of the same name
        pass


def connect(address: str) -> None:
    parts = urlsplit(address)
    socket.create_connection((parts.hostname, parts.port), timeout=5).close()


def connect_to_socket(path: str) -> None:
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(path)


def list_images(path: str) -> None:
    connection = http.client.HTTPConnection("docker", timeout=5)
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.connect(path)
    connection.request("GET", "/images/json")
    if connection.getresponse().status != http.HTTPStatus.OK:
        raise PermissionError("the engine refuses it")


def signal(pid: int) -> None:
    os.kill(pid, 0)


def limit(pid: int) -> None:
    resource.prlimit(pid, resource.RLIMIT_CORE, resource.prlimit(pid, resource.RLIMIT_CORE))


_WAYS: dict[str, Callable[..., None]] = {
    "read": read,
    "write": write,
    "connect": connect,
    "connect to socket": connect_to_socket,
    "docker": list_images,
    "signal": signal,
    "limit": limit,
}


def attack(targets: dict[str, list[object]]) -> dict[str, str]:
    """What came of each attack: nothing if it succeeded, or the error.

    Args:
        targets: by name, a way and its argument.
    """
    found = {}
    for name, (way, argument) in targets.items():
        try:
            _WAYS[str(way)](argument)
        except OSError as error:
            found[name] = f"{type(error).__name__}: {error}"
        else:
            found[name] = ""
    return found


if __name__ == "__main__":
    # In one line: it is found in a log.
    sys.stdout.write("attacked " + json.dumps(attack(json.loads(sys.argv[1]))) + "\n")
