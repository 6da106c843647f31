"""``Network``: a network namespace for the processes of one execution."""

import os
import socket
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """Made by ``Launcher.create_network``. It exists until it is closed and the processes in it have ended.

    Args:
        user_namespace, network_namespace: descriptors of ``/proc/PID/ns`` files.
        listening: a socket bound to a port of the namespace's loopback interface, the only way out of it.
    """

    user_namespace: int
    network_namespace: int
    listening: socket.socket

    @property
    def namespaces(self) -> tuple[int, int]:
        """The descriptors of both, the user's first."""
        return self.user_namespace, self.network_namespace

    def close(self) -> None:
        """Close the descriptors. Called once, and not while a process is being started in it."""
        os.close(self.user_namespace)
        os.close(self.network_namespace)
        self.listening.close()
