"""Credentials, with a metadata server that does not respond."""

import contextlib
import socket
import time
from collections.abc import Iterator

import pytest

from cloud.backends.google.network import Identity, Network
from cloud.errors import Unauthenticated


@contextlib.contextmanager
def silent_server() -> Iterator[str]:
    """Accepts connections and never responds."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


def test_without_credentials_a_missing_metadata_server_is_not_waited_for(monkeypatch, tmp_path, capfd):
    for name in ("GOOGLE_APPLICATION_CREDENTIALS", "http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    with silent_server() as address:
        monkeypatch.setenv("GCE_METADATA_IP", address)
        # By default three attempts of three seconds.
        monkeypatch.setattr("google.auth.compute_engine._metadata.ping.__defaults__", (0.05, 2))
        start = time.monotonic()
        with pytest.raises(Unauthenticated, match=r"no credentials were found.*application-default login"):
            Identity(Network()).token()
    assert time.monotonic() - start < 10
    assert capfd.readouterr().err == ""
