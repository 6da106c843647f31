"""What is checked before JupyterLab is started."""

import socket

import pytest

from cloud.errors import FailedPrecondition
from cloud.lab import jupyter


def test_a_port_that_was_asked_for_and_is_taken_is_an_error() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(FailedPrecondition, match=rf"port {port} cannot be used: .*--port"):
            jupyter.choose_port(port)
    assert jupyter.choose_port(port) == port


def test_jupyters_own_port_may_be_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        monkeypatch.setattr(jupyter, "_DEFAULT_PORT", port)
        assert jupyter.choose_port(None) > port
    assert jupyter.choose_port(0) > 0


def test_what_is_missing_is_named_with_the_line_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jupyter, "_NEEDED", ("json", "no_such_module"))
    with pytest.raises(FailedPrecondition, match=r"the lab needs no_such_module, .* -m pip install '.*\[lab\]'"):
        jupyter.check_installed()
