"""gRPC is loaded by its first client."""

import asyncio
import subprocess
import sys
from unittest import mock

from cloud.emulator.grpc.connection import GrpcEndpoint
from cloud.emulator.grpc.deadlines import Deadlines
from cloud.wire.in_process import connect

LAZY = """
import asyncio, sys
from unittest import mock

from cloud.emulator.app import Emulator
from cloud.emulator.mounts import RequestSource
from cloud.emulator.oauth2.keys import KeyRing
from cloud.emulator.oauth2.tokens import TokenRegistry
from cloud.server import assembly, bridge, front, local
from cloud.wire.in_process import connect

before = {"google.protobuf", "h2", "hpack", "grpc"} & set(sys.modules)


def loaded():
    names = ("google.protobuf", "h2", "hpack", "grpc", "cloud.emulator.grpc.calls")
    return [name for name in names if name in sys.modules and name not in before]


async def main():
    emulator = Emulator("my-project", "us-central1", mock.Mock(), TokenRegistry(), KeyRing())
    endpoint = emulator.grpc_protocols(RequestSource())
    print(loaded())
    lost = asyncio.Event()
    client = mock.Mock(connection_lost=lambda _: lost.set())
    connection = connect(client, endpoint(), port=443)
    connection.write(b"GET / HTTP/1.1\\r\\n\\r\\n" + bytes(20))
    await lost.wait()
    print(loaded(), client.data_received.call_args.args[0][3])
    await emulator.close()


asyncio.run(main())
"""
SETTINGS_OR_GOAWAY = ("4", "7")


def test_it_is_loaded_when_the_first_connection_is_made_and_what_was_received_is_handled() -> None:
    done = subprocess.run([sys.executable, "-c", LAZY], check=True, capture_output=True, text=True)
    first, second = done.stdout.splitlines()
    assert first == "[]"
    assert second.startswith("['google.protobuf', 'h2', 'hpack', 'cloud.emulator.grpc.calls'] ")
    assert second.endswith(SETTINGS_OR_GOAWAY)
    assert done.stderr == ""


async def test_a_failure_to_load_ends_the_connections_and_is_logged(monkeypatch, caplog):
    monkeypatch.setitem(sys.modules, "cloud.emulator.grpc.calls", None)
    endpoint = GrpcEndpoint(asyncio.Protocol, Deadlines)
    lost = asyncio.Event()
    client = mock.Mock(connection_lost=lambda _: lost.set())
    connect(client, endpoint(), port=443)
    await asyncio.wait_for(lost.wait(), 5)
    assert "gRPC cannot be served" in caplog.text
    await endpoint.close()
