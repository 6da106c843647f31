"""What is checked before JupyterLab is started."""

import socket
import sys

import pytest

from cloud.errors import FailedPrecondition
from cloud.lab import jupyter


def test_a_port_that_was_asked_for_and_is_taken_is_an_error() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(FailedPrecondition, match=rf"port {port} cannot be used: .*--port"):
            jupyter.hold_port(port)
    with jupyter.hold_port(port) as held:
        assert held.getsockname()[1] == port


def test_jupyters_own_port_may_be_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        monkeypatch.setattr(jupyter, "_DEFAULT_PORT", port)
        with jupyter.hold_port(None) as held:
            assert held.getsockname()[1] > port


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere two sockets cannot be bound to one port")
def test_a_port_that_is_held_is_for_who_asks_for_it_by_number_as_jupyter_does() -> None:
    with jupyter.hold_port(0) as held, socket.socket() as other, socket.socket() as server:
        with pytest.raises(OSError, match="in use"):
            other.bind(held.getsockname())
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind(held.getsockname())
        server.listen()
        with socket.create_connection(held.getsockname()):
            pass


def test_what_is_missing_is_named_with_the_line_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jupyter, "_NEEDED", ("json", "no_such_module"))
    with pytest.raises(FailedPrecondition, match=r"the lab needs no_such_module, .* -m pip install '.*\[lab\]'"):
        jupyter.check_installed()
