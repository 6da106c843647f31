"""Whose socket is at the other end of a connection of this machine."""

import os
import socket
import struct
import sys

import pytest

from cloud.gateway import peer_uid
from cloud.gateway.peer_uid import NetlinkLookup, ProcLookup

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells whose a socket is")


@pytest.fixture(params=[NetlinkLookup, ProcLookup])
def lookup(request):
    lookup = request.param()
    yield lookup
    lookup.close()


@pytest.fixture
def server():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


@pytest.fixture
def client(server):
    with socket.create_connection(server.getsockname()) as client:
        yield client


@pytest.fixture
def accepted(server, client):
    accepted, _ = server.accept()
    with accepted:
        yield accepted


def test_own_connection(lookup, accepted):
    assert lookup.uid_of(accepted.getpeername(), accepted.getsockname()) == os.geteuid()


def test_each_end_is_looked_up_by_its_own_address(lookup, client, accepted):
    assert lookup.uid_of(accepted.getsockname(), accepted.getpeername()) == os.geteuid()
    client.close()
    assert lookup.uid_of(accepted.getpeername(), accepted.getsockname()) is None


def test_a_client_that_uses_ipv6(lookup, server):
    with socket.socket(socket.AF_INET6) as client:
        client.connect(("::ffff:127.0.0.1", server.getsockname()[1]))
        accepted, _ = server.accept()
        with accepted:
            assert lookup.uid_of(accepted.getpeername(), accepted.getsockname()) == os.geteuid()


def test_a_half_closed_client(lookup, client, accepted):
    client.shutdown(socket.SHUT_WR)
    assert accepted.recv(1) == b""
    assert lookup.uid_of(accepted.getpeername(), accepted.getsockname()) == os.geteuid()


def test_a_client_that_is_gone_has_no_user(lookup, client, accepted):
    client.sendall(b"x")
    client.close()
    assert lookup.uid_of(accepted.getpeername(), accepted.getsockname()) is None


def test_a_client_that_reset_the_connection_has_no_user(lookup, client, accepted):
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    address = client.getsockname()
    client.close()
    assert lookup.uid_of(address, accepted.getsockname()) is None


def test_a_socket_that_listens_on_the_port_is_no_client(lookup, server, accepted):
    with socket.create_server(("127.0.0.1", 0)) as listening:
        assert lookup.uid_of(listening.getsockname(), server.getsockname()) is None


def test_without_ipv6_there_is_no_second_table(monkeypatch, tmp_path, accepted):
    monkeypatch.setattr(peer_uid, "_PROC_FILES", (*peer_uid._PROC_FILES[:1], tmp_path / "absent"))
    assert ProcLookup().uid_of(accepted.getpeername(), accepted.getsockname()) == os.geteuid()
