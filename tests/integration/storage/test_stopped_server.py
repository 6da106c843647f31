"""A fake-gcs-server, or its guard, that is stopped (SIGSTOP) is replaced, and nobody but its callers waits."""

import asyncio
import io
import os
import signal
import sys
import time

import pytest
from aiohttp import web

from integration.launch.programs import descendants

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="process trees can only be followed on Linux")
PATIENCE = {"probe_interval": 0.2, "probe_limit": 1.0}
MEDIA = "/upload/storage/v1/b/stopped/o?uploadType=media&name="


async def turns_of_the_loop() -> float:
    """The longest time, in seconds, in which nothing else could run, until this is cancelled."""
    longest = 0.0
    try:
        while True:
            start = time.monotonic()
            await asyncio.sleep(0)
            longest = max(longest, time.monotonic() - start)
            await asyncio.sleep(0.01)
    except asyncio.CancelledError:
        return longest


@pytest.mark.parametrize("whom", ["server", "guard"])
async def test_one_that_is_stopped_is_replaced_and_requests_continue(tmp_path, new_endpoint, whom):
    async with asyncio.timeout(60), new_endpoint(tmp_path, **PATIENCE) as endpoint:
        await endpoint.call("POST", "/storage/v1/b", json={"name": "stopped"})
        assert (await endpoint.call("POST", MEDIA + "a", data=b"before"))[0] == 200
        pid = endpoint.service.server.pid
        (guard,) = descendants(pid)
        os.kill(pid if whom == "server" else guard, signal.SIGSTOP)

        watching = asyncio.create_task(turns_of_the_loop())
        uploads = [endpoint.call("POST", f"{MEDIA}{number}", data=b"after") for number in range(50)]
        assert (await endpoint.call("GET", "/storage/v1/b/stopped"))[0] == 200  # needs no media
        assert {status for status, _ in await asyncio.gather(*uploads)} <= {200, 503}
        watching.cancel()
        assert await watching < 2

        while endpoint.service.server.pid == pid:
            await endpoint.call("POST", MEDIA + "again", data=b"again")
        assert (await endpoint.call("POST", MEDIA + "again", data=b"again"))[0] == 200
        assert await endpoint.call("GET", "/storage/v1/b/stopped/o/a?alt=media") == (200, b"before")


async def test_requests_to_a_server_that_is_not_ours_fail_if_it_does_not_answer(tmp_path, new_endpoint):
    stuck = asyncio.Event()

    async def answer(request: web.BaseRequest) -> web.Response:
        if request.path != "/storage/v1/b":
            await stuck.wait()
        return web.json_response({"name": "x", "size": "5", "crc32c": "x"})

    runner = web.ServerRunner(web.Server(answer))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    async with asyncio.timeout(60), new_endpoint(tmp_path, url, **PATIENCE) as endpoint:
        await endpoint.call("POST", "/storage/v1/b", json={"name": "stopped"})
        assert (await endpoint.call("POST", MEDIA + "a", data=b"after"))[0] == 503
        stuck.set()
        assert (await endpoint.call("POST", MEDIA + "a", data=b"after"))[0] == 200
    await runner.cleanup()


async def test_readers_that_do_not_read_make_nobody_wait(tmp_path, new_endpoint):
    async with asyncio.timeout(60), new_endpoint(tmp_path) as endpoint:
        await endpoint.call("POST", "/storage/v1/b", json={"name": "stopped"})
        assert (await endpoint.call("POST", MEDIA + "large", data=io.BytesIO(bytes(16_000_000))))[0] == 200
        host, port = endpoint.url.removeprefix("http://").split(":")
        head = b"GET /storage/v1/b/stopped/o/large?alt=media HTTP/1.1\r\nHost: localhost\r\n"
        head += f"Authorization: Bearer {endpoint.tokens['owner']}\r\n\r\n".encode()
        kept = []
        for _ in range(40):
            reader, writer = await asyncio.open_connection(host, port, limit=1024)
            kept.append((reader, writer))
            writer.transport.pause_reading()
            writer.write(head)
        await asyncio.sleep(0.5)
        assert (await endpoint.call("POST", MEDIA + "small", data=b"x"))[0] == 200
        assert await endpoint.call("GET", "/storage/v1/b/stopped/o/small?alt=media") == (200, b"x")
        for _, writer in kept:
            writer.transport.abort()
