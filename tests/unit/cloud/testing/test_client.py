"""The in-process client: what it sends is HTTP, and what is wrong with HTTP is found by the server's own parser."""

import asyncio

import aiohttp
import pytest
from aiohttp import web

from cloud.testing.client import Client

MINE, OTHER = "ya29.x", "ya29.y"


class Server:
    """Any aiohttp handler as a protocol factory, which counts its connections."""

    def __init__(self, handler) -> None:
        self._server = web.Server(handler, access_log=None)
        self.connections = 0

    def __call__(self) -> asyncio.Protocol:
        self.connections += 1
        return self._server()


async def echo(request: web.Request) -> web.Response:
    body = await request.read()
    told = {name: request.headers.get(name) for name in ("Host", "Authorization", "Transfer-Encoding")}
    return web.json_response(told | {"target": request.raw_path, "method": request.method, "body": body.decode()})


async def test_a_request_arrives_as_it_was_written():
    async with Client(Server(echo), host="ml.googleapis.com", token=MINE) as client:
        response = await client.request("POST", "/v1/a%2Fb/../c?x=%20", json={"a": 1})
        assert response.status == 200
        assert response.headers["Content-Type"] == "application/json; charset=utf-8"
        assert response.json() == {
            "Host": "ml.googleapis.com",
            "Authorization": f"Bearer {MINE}",
            "Transfer-Encoding": None,
            "target": "/v1/a%2Fb/../c?x=%20",
            "method": "POST",
            "body": '{"a": 1}',
        }
        other = await client.request("GET", "/", host="other", token=OTHER)
        assert (other.json()["Host"], other.json()["Authorization"]) == ("other", f"Bearer {OTHER}")


async def test_without_a_token_there_is_no_credential():
    async with Client(Server(echo)) as client:
        assert (await client.request("GET", "/")).json()["Authorization"] is None


async def test_a_connection_is_kept():
    server = Server(echo)
    async with Client(server) as client:
        for _ in range(3):
            await client.request("GET", "/")
    assert server.connections == 1


async def test_a_body_from_an_iterator_is_chunked():
    async def parts():
        for part in (b"one ", b"two"):
            yield part

    async with Client(Server(echo)) as client:
        answer = (await client.request("PUT", "/", body=parts())).json()
    assert (answer["Transfer-Encoding"], answer["body"]) == ("chunked", "one two")


async def test_what_is_garbled_is_refused_by_the_servers_parser():
    async with Client(Server(echo)) as client:
        assert (await client.exchange(b"GET / HTTP/1.1\r\nHost h\r\n\r\n")).startswith(b"HTTP/1.0 400 ")


async def test_an_answer_is_read_as_it_comes():
    go_on = asyncio.Event()

    async def slow(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"first")
        await go_on.wait()
        await response.write(b"second")
        return response

    async with Client(Server(slow)) as client, client.stream("GET", "/") as response:
        assert await response.content.readany() == b"first"
        go_on.set()
        assert await response.content.read() == b"second"


async def test_a_writer_waits_for_a_reader_that_does_not_read():
    written = 0

    async def much(request: web.Request) -> web.StreamResponse:
        nonlocal written
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(100):
            await response.write(b"x" * 2**16)
            written += 1
        return response

    async with Client(Server(much)) as client, client.stream("GET", "/") as response:
        for _ in range(1000):
            await asyncio.sleep(0)
        assert written < 20
        assert len(await response.read()) == 100 * 2**16
    assert written == 100


async def test_a_connection_that_the_server_cuts_is_an_error():
    async def cut(request: web.Request) -> web.Response:
        request.transport.abort()
        return web.Response()

    async with Client(Server(cut)) as client:
        with pytest.raises(aiohttp.ClientError):
            await client.request("GET", "/")


async def test_a_client_that_leaves_is_noticed():
    left = asyncio.Event()

    async def wait(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"begun")
        try:
            while True:
                await response.write(b".")
                await asyncio.sleep(0)
        except ConnectionError:
            left.set()
            raise

    async with Client(Server(wait)) as client:
        async with client.stream("GET", "/") as response:
            await response.content.readany()
        async with asyncio.timeout(5):
            await left.wait()


async def test_the_server_sees_its_port():
    async def port(request: web.Request) -> web.Response:
        return web.Response(text=str(request.transport.get_extra_info("sockname")[1]))

    async with Client(Server(port), port=7) as client:
        assert (await client.request("GET", "/")).text == "7"


async def test_a_request_is_never_sent_twice():
    arrived = 0

    async def cut(request: web.Request) -> web.Response:
        nonlocal arrived
        arrived += 1
        request.transport.close()
        return web.Response()

    async with Client(Server(cut)) as client:
        with pytest.raises(aiohttp.ClientConnectionError):
            await client.request("GET", "/")
    assert arrived == 1
