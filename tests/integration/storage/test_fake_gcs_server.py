"""The lifetime of the fake-gcs-server process; nothing accepted is lost in a crash."""

import asyncio
import io
import os
import resource
import signal
import sys
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp
import pytest
from fake_gcs_servers import Watched, guard_of, public_server, session_of

from cloud.engine.storage.server import FakeGcsServer
from cloud.engine.storage.server_binary import find_binary
from cloud.errors import FailedPrecondition, InvalidArgument, NotFound, Unavailable
from cloud.gcs.client import StorageClient
from cloud.names import GsUri

DATA = os.urandom(3 << 20)
CHUNK = DATA[: 1 << 18]


async def test_each_server_is_one_of_its_own_and_stops(tmp_path):
    servers = [FakeGcsServer(tmp_path / name) for name in "abc"]
    await asyncio.gather(*(server.start() for server in servers))
    for server in servers:
        async with session_of(server) as session:
            await session.post(f"{server.url}/storage/v1/b", json={"name": f"bkt-{server.root.name}"})
            async with session.get(f"{server.url}/storage/v1/b") as reply:
                assert [bucket["name"] for bucket in (await reply.json())["items"]] == [f"bkt-{server.root.name}"]
    async with AsyncExitStack() as stack:
        pids = [pid for server in servers for pid in (server.pid, guard_of(server.pid))]
        processes = [await stack.enter_async_context(Watched(pid)) for pid in pids]
        for server in servers:
            await server.close()
            await server.close()
        for process in processes:
            await process.ended()


async def test_a_running_server_is_used_and_not_stopped(tmp_path, new_endpoint):
    with public_server(tmp_path / "external") as url:
        async with new_endpoint(tmp_path / "state", url) as endpoint:
            client = endpoint.client()
            await client.create_bucket("shared-bkt")
            await client.write_object(GsUri("shared-bkt", "o"), b"x")
            assert await client.read_object(GsUri("shared-bkt", "o")) == b"x"
            await client.close()
        assert (tmp_path / "external" / "shared-bkt").is_dir()
        async with aiohttp.ClientSession() as session, session.get(f"{url}/storage/v1/b") as reply:
            assert reply.status == 200


async def test_servers_that_cannot_be_started(tmp_path):
    with pytest.raises(InvalidArgument, match="CLOUD_FAKE_GCS_SERVER"):
        await FakeGcsServer(tmp_path, "no-such-program").start()
    failing = tmp_path / "failing"
    failing.write_text("#!/bin/sh\necho cannot do that\nexit 3\n")
    failing.chmod(0o755)
    with pytest.raises(FailedPrecondition, match="cannot do that"):
        await FakeGcsServer(tmp_path / "root", str(failing)).start()
    (tmp_path / "file").touch()
    with pytest.raises(FailedPrecondition, match="cannot be made"):
        await FakeGcsServer(tmp_path / "file" / "root").start()


async def ready_for_ever(server: FakeGcsServer) -> None:
    while True:
        await server.ready()
        await asyncio.sleep(0.01)


async def test_a_failed_restart_is_reported_at_once(tmp_path):
    program = tmp_path / "program"
    program.write_text(f'#!/bin/sh\nexec {find_binary(None)} "$@"\n')
    program.chmod(0o755)
    server = FakeGcsServer(tmp_path / "root", str(program))
    await server.start()
    program.unlink()
    os.kill(server.pid, signal.SIGKILL)
    with pytest.raises(Unavailable, match=r"the storage server is gone: .*neither a URL nor a program"):
        await asyncio.wait_for(ready_for_ever(server), 10)
    await server.close()


async def test_one_that_is_killed_while_it_starts_is_started_again(tmp_path):
    program, marker = tmp_path / "program", tmp_path / "kill"
    program.write_text(f'#!/bin/sh\nrm {marker} && kill -9 $$\nexec {find_binary(None)} "$@"\n')
    program.chmod(0o755)
    server = FakeGcsServer(tmp_path / "root", str(program))
    marker.touch()
    await server.start()
    marker.touch()
    first = server.pid
    os.kill(first, signal.SIGKILL)
    async with asyncio.timeout(20):
        while marker.exists() or server.pid == first:
            await server.ready()
            await asyncio.sleep(0.01)
    await server.close()


async def test_it_is_restarted_when_file_descriptors_are_available(tmp_path, caplog):
    server = FakeGcsServer(tmp_path / "root")
    await server.start()
    before = server.pid
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (3, limits[1]))
        os.kill(before, signal.SIGKILL)
        async with asyncio.timeout(10):
            while "Too many open files" not in caplog.text:  # noqa: ASYNC110 - there is no event for a line of a log
                await asyncio.sleep(0.01)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    await server.ready()
    assert server.pid != before
    await server.close()


async def test_waiting_requests_fail_at_once_if_the_server_is_stopped(tmp_path):
    (tmp_path / "file").touch()
    never = FakeGcsServer(tmp_path / "file" / "root")
    stopped = FakeGcsServer(tmp_path / "root")
    waiting = [asyncio.create_task(server.ready()) for server in (never, stopped)]
    await asyncio.sleep(0)
    with pytest.raises(FailedPrecondition):
        await never.start()
    await stopped.close()
    async with asyncio.timeout(10):
        for task, why in zip(waiting, ("did not start: .*cannot be made", "it was stopped"), strict=True):
            with pytest.raises(Unavailable, match=why):
                await task


async def test_it_is_restarted_and_requests_continue(tmp_path, new_endpoint):
    async with new_endpoint(tmp_path) as endpoint:
        client = endpoint.client()
        await client.create_bucket("bkt-crash")
        await client.write_object(GsUri("bkt-crash", "before"), DATA)
        for number in range(3):
            uploads = [client.write_object(GsUri("bkt-crash", f"{number}/{i}"), DATA) for i in range(6)]
            running = asyncio.gather(*uploads)
            await asyncio.sleep(0.02)
            os.kill(endpoint.service.server.pid, signal.SIGKILL)
            await running
            for i in range(6):
                assert await client.read_object(GsUri("bkt-crash", f"{number}/{i}")) == DATA
        # Reads in progress fail or are repeated, but never return wrong data.
        reads = [
            asyncio.create_task(client.read_object(GsUri("bkt-crash", f"{n}/{i}"))) for n in (0, 1) for i in (1, 2)
        ]
        await asyncio.sleep(0.005)
        os.kill(endpoint.service.server.pid, signal.SIGKILL)
        for found in await asyncio.gather(*reads, return_exceptions=True):
            assert found == DATA or isinstance(found, Unavailable)
        assert await client.read_object(GsUri("bkt-crash", "before")) == DATA
        await client.close()


async def test_a_full_disk_is_reported_until_there_is_room(tmp_path, new_endpoint):
    async with new_endpoint(tmp_path) as endpoint:
        await endpoint.call("POST", "/storage/v1/b", json={"name": "bkt-full"})
        limits = resource.prlimit(endpoint.service.server.pid, resource.RLIMIT_FSIZE, (1 << 20, resource.RLIM_INFINITY))
        path = "/upload/storage/v1/b/bkt-full/o?uploadType=media&name=big"
        status, answer = await endpoint.call("POST", path, data=io.BytesIO(DATA))
        assert status == 429
        assert "no room left on the disk" in answer["error"]["message"]
        resource.prlimit(endpoint.service.server.pid, resource.RLIMIT_FSIZE, limits)
        assert (await endpoint.call("GET", "/storage/v1/b/bkt-full/o/big"))[0] == 404
        assert (await endpoint.call("POST", path, data=io.BytesIO(DATA)))[0] == 200


SERVER = """
import asyncio, sys
sys.path.insert(0, sys.argv[2])
from conftest import open_endpoint
from pathlib import Path

async def main():
    async with open_endpoint(Path(sys.argv[1])) as endpoint:
        print(endpoint.url, endpoint.tokens["owner"], endpoint.service.server.pid, flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


async def start_server(state_dir):
    here = Path(__file__)
    server = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-c", SERVER, str(state_dir), str(here.parent)),
        stdout=asyncio.subprocess.PIPE,
        cwd=here.parents[3],
    )
    url, token, pid = (await server.stdout.readline()).decode().split()
    return server, url, token, int(pid)


async def test_nothing_accepted_is_lost_when_the_front_is_killed(tmp_path, new_endpoint):
    server, url, token, pid = await start_server(tmp_path)
    client = StorageClient(url, lambda: token, "my-project")
    await client.create_bucket("bkt-kill", location="asia-east1")
    accepted = []

    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as session:
        begin = f"{url}/upload/storage/v1/b/bkt-kill/o?uploadType=resumable&name=resumed"
        async with session.post(begin) as reply:
            session_path = reply.headers["Location"].removeprefix(url)
        span = {"Content-Range": f"bytes 0-{len(CHUNK) - 1}/{len(CHUNK) + 3}"}
        async with session.put(url + session_path, data=CHUNK, headers=span) as reply:
            assert reply.status == 308

        async def put(number):
            for turn in range(1000):
                name = f"{number}-{turn}"
                path = f"{url}/upload/storage/v1/b/bkt-kill/o?uploadType=media&name={name}"
                async with session.post(path, data=name.encode()) as reply:
                    if reply.status == 200:
                        accepted.append(name)

        writers = [asyncio.create_task(put(number)) for number in range(8)]
        async with asyncio.timeout(20):
            while len(accepted) < 40:  # noqa: ASYNC110 - by whichever of the writers
                await asyncio.sleep(0.01)
        async with Watched(pid) as storage:
            server.kill()
            await server.wait()
            await storage.ended()
        await asyncio.gather(*writers, return_exceptions=True)
    await client.close()
    async with new_endpoint(tmp_path) as endpoint:
        client = endpoint.client()
        assert (await client.get_bucket("bkt-kill")).location == "ASIA-EAST1"
        listed = {found.uri.path for found in await client.list_objects(GsUri("bkt-kill"))}
        assert set(accepted) <= listed
        for name in listed:
            assert await client.read_object(GsUri("bkt-kill", name)) == name.encode()
        size = len(CHUNK) + 3
        reply = await endpoint.reply("PUT", session_path, headers={"Content-Range": f"bytes */{size}"})
        assert (reply.status, reply.headers["Range"]) == (308, f"bytes=0-{len(CHUNK) - 1}")
        rest = {"Content-Range": f"bytes {len(CHUNK)}-{size - 1}/{size}"}
        assert (await endpoint.reply("PUT", session_path, data=b"def", headers=rest)).status == 200
        assert await client.read_object(GsUri("bkt-kill", "resumed")) == CHUNK + b"def"
        await client.delete_objects(GsUri("bkt-kill"))
        await client.delete_bucket("bkt-kill")
        with pytest.raises(NotFound):
            await client.get_bucket("bkt-kill")
        await client.close()
        media = endpoint.service.server.root
    # The garbage of the crash is deleted, too.
    assert [path for path in media.rglob("*") if path.is_file() and "$" in path.name] == []


async def test_state_survives_a_restart(tmp_path, new_endpoint):
    async with new_endpoint(tmp_path) as endpoint:
        client = endpoint.client()
        bucket = await client.create_bucket("bkt-again")
        await client.write_object(GsUri("bkt-again", "d/"), b"")
        found = await client.write_object(GsUri("bkt-again", "o"), b"x", content_type="text/csv")
        await client.close()
    async with new_endpoint(tmp_path) as endpoint:
        client = endpoint.client()
        assert await client.list_buckets() == [bucket]
        assert (await client.list_objects(GsUri("bkt-again")))[1] == found
        assert await client.read_object(GsUri("bkt-again", "o")) == b"x"
        await client.close()
