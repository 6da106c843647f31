"""The network namespace of fake-gcs-server, its guard, and machines that refuse namespaces."""

import asyncio
import contextlib
import os
import signal
import socket
import time
from pathlib import Path

import aiohttp
import pytest
from fake_gcs_servers import (
    WITHOUT_NAMESPACES,
    Watched,
    engine,
    guard_of,
    has_namespaces,
    listening_port,
    session_of,
)

from cloud.engine.storage.server import FakeGcsServer
from cloud.engine.storage.server_binary import find_binary
from cloud.errors import Unavailable
from cloud.names import GsUri

pytestmark = pytest.mark.skipif(not has_namespaces(), reason="this machine refuses network namespaces to its users")
ADDRESS = (socket.AF_INET, socket.SOCK_STREAM, 0, "", None)


async def test_it_is_reached_through_the_engine_alone(tmp_path):
    server = FakeGcsServer(tmp_path / "root")
    await server.start()
    async with session_of(server) as session, session.get(f"{server.url}/storage/v1/b") as reply:
        assert reply.status == 200
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientConnectorError):
            await session.get(f"{server.url}/storage/v1/b")
    assert listening_port(server.pid) is None
    await server.close()


@pytest.mark.parametrize("victim", ["server", "guard"])
async def test_it_is_restarted_with_its_guard(tmp_path, new_endpoint, victim):
    async with new_endpoint(tmp_path) as endpoint:
        client, server = endpoint.client(), endpoint.service.server
        await client.create_bucket("bkt-guard")
        for number in range(2):
            await client.write_object(GsUri("bkt-guard", "o"), b"%d" % number)
            pid, guard = server.pid, guard_of(server.pid)
            async with Watched(pid) as old_server, Watched(guard) as old_guard:
                os.kill(guard if victim == "guard" else pid, signal.SIGKILL)
                # At once, and with new connections, of which none is at hand.
                found = await asyncio.gather(*(client.read_object(GsUri("bkt-guard", "o")) for _ in range(20)))
                assert found == [b"%d" % number] * 20
                await old_server.ended()
                await old_guard.ended()
            assert server.pid != pid
            assert listening_port(server.pid) is None
        await client.close()


async def test_more_connections_than_are_at_hand(tmp_path):
    server = FakeGcsServer(tmp_path / "root")
    await server.start()
    async with session_of(server) as session:

        async def status():
            async with session.get(f"{server.url}/storage/v1/b") as reply:
                return reply.status

        assert await asyncio.gather(*(status() for _ in range(90))) == [200] * 90
    await server.close()


async def test_a_stopped_guard_holds_up_nobody_for_long(tmp_path):
    server = FakeGcsServer(tmp_path / "root")
    await server.start()
    guard = guard_of(server.pid)
    os.kill(guard, signal.SIGSTOP)

    def take(number):
        for _ in range(number):
            server.open_socket(ADDRESS).close()

    began = time.monotonic()
    with pytest.raises(OSError, match="does not answer"):
        take(10)
    assert time.monotonic() - began < 2
    os.kill(guard, signal.SIGCONT)
    async with asyncio.timeout(10):
        while True:
            with contextlib.suppress(OSError):
                take(1)
                break
            await asyncio.sleep(0.01)
    take(50)
    await server.close()
    with pytest.raises(Unavailable):
        await server.ready()
    with pytest.raises(OSError, match="not started"):
        server.open_socket(ADDRESS)


@pytest.mark.parametrize("guard_first", [None, signal.SIGSTOP, signal.SIGKILL])
@pytest.mark.parametrize("before", [(), WITHOUT_NAMESPACES], ids=["namespace", "port"])
async def test_nothing_is_left_when_the_engine_is_killed(tmp_path, before, guard_first):
    async with engine(tmp_path / "root", before=before) as owner:
        guard = guard_of(owner.server)
        async with Watched(owner.server) as old_server, Watched(guard) as old_guard:
            if guard_first is not None:
                os.kill(guard, guard_first)
            owner.process.kill()
            await old_server.ended()
            await old_guard.ended()


async def test_where_namespaces_are_refused_it_says_who_else_comes_in(tmp_path):
    async with engine(tmp_path / "root", before=WITHOUT_NAMESPACES) as owner:
        assert listening_port(owner.server) == int(owner.url.rpartition(":")[2])
        async with aiohttp.ClientSession() as session, session.get(f"{owner.url}/storage/v1/b") as reply:
            assert reply.status == 200
        (line,) = (await owner.close()).splitlines()
    assert "other users of this machine, and web pages in its browsers, can read and change every object" in line
    assert "user namespaces are refused here (user.max_user_namespaces=0)" in line


async def test_a_port_taken_meanwhile_is_retried(tmp_path):
    """A program that loses the race for the port twice, then wins it."""
    program = tmp_path / "program"
    program.write_text(
        f"""#!/bin/sh
echo >> {tmp_path}/tries
if [ $(wc -l < {tmp_path}/tries) -lt 3 ]; then echo 'listen tcp: bind: address already in use'; exit 1; fi
exec {find_binary(None)} "$@"
"""
    )
    program.chmod(0o755)
    async with engine(tmp_path / "root", program, before=WITHOUT_NAMESPACES) as owner:
        await owner.close()
    assert (tmp_path / "tries").read_text().count("\n") == 3


async def test_temporary_files_are_in_the_state_folder_and_removed_at_start(tmp_path):
    stale = tmp_path / "media-tmp" / "folder" / "file"
    stale.parent.mkdir(parents=True)
    stale.touch()
    server = FakeGcsServer(tmp_path / "media")
    await server.start()
    assert list((tmp_path / "media-tmp").iterdir()) == []
    assert (tmp_path / "media-tmp").stat().st_mode & 0o777 == 0o700
    assert f"TMPDIR={tmp_path}/media-tmp" in Path(f"/proc/{server.pid}/environ").read_text().split("\0")
    await server.close()
