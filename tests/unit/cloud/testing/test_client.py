"""The in-process client sends HTTP, which the server's own parser reads."""

import asyncio

import aiohttp
import pytest
from aiohttp import web

from cloud.testing.client import Client

MINE, OTHER = "ya29.x", "ya29.y"


class Server:
    """A protocol factory for an aiohttp handler, which counts its connections."""

    def __init__(self, handler) -> None:
        self._server = web.Server(handler, access_log=None)
        self.connections = 0

    def __call__(self) -> asyncio.Protocol:
        self.connections += 1
        return self._server()


async def echo(request: web.Request) -> web.Response:
    body = await request.read()
    headers = {name: request.headers.get(name) for name in ("Host", "Authorization", "Transfer-Encoding")}
    return web.json_response(headers | {"target": request.raw_path, "method": request.method, "body": body.decode()})


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


async def test_without_a_token_there_are_no_credentials():
    async with Client(Server(echo)) as client:
        assert (await client.request("GET", "/")).json()["Authorization"] is None


async def test_a_connection_is_kept_alive():
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
        received = (await client.request("PUT", "/", body=parts())).json()
    assert (received["Transfer-Encoding"], received["body"]) == ("chunked", "one two")


async def test_the_servers_parser_refuses_malformed_http():
    async with Client(Server(echo)) as client:
        assert (await client.exchange(b"GET / HTTP/1.1\r\nHost h\r\n\r\n")).startswith(b"HTTP/1.0 400 ")


async def test_a_response_can_be_streamed():
    first_was_read = asyncio.Event()

    async def slow(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"first")
        await first_was_read.wait()
        await response.write(b"second")
        return response

    async with Client(Server(slow)) as client, client.stream("GET", "/") as response:
        assert await response.content.readany() == b"first"
        first_was_read.set()
        assert await response.content.read() == b"second"


async def test_a_server_stops_writing_while_the_client_does_not_read():
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


async def test_a_connection_that_the_server_aborts_is_an_error():
    async def cut(request: web.Request) -> web.Response:
        request.transport.abort()
        return web.Response()

    async with Client(Server(cut)) as client:
        with pytest.raises(aiohttp.ClientError):
            await client.request("GET", "/")


async def test_the_server_notices_a_client_that_disconnects():
    disconnected = asyncio.Event()

    async def wait(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"begun")
        try:
            while True:
                await response.write(b".")
                await asyncio.sleep(0)
        except ConnectionError:
            disconnected.set()
            raise

    async with Client(Server(wait)) as client:
        async with client.stream("GET", "/") as response:
            await response.content.readany()
        async with asyncio.timeout(5):
            await disconnected.wait()


async def test_the_server_sees_the_given_port():
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
