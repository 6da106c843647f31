"""Clients that stop, drip or never read: each ends in bounded time, and nobody else waits."""

import asyncio
import itertools
import socket

import pytest

from cloud.gateway.deadlines import Deadlines
from integration.gateway.chain import HOST, running

SOON = 10.0
"""Seconds in which a connection with the deadlines of these tests must have ended, on a machine that is busy."""
SHORT = Deadlines(head=0.2, handshake=0.5, unread=0.2, linger=0.2, tls_close=0.2)
GET = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"


@pytest.fixture
async def short(tmp_path):
    async with asyncio.timeout(60), running(tmp_path, SHORT) as chain:
        yield chain


async def connect(chain, way):
    return await (chain.tunnel() if way == "tunnel" else chain.connect())


async def drip(writer: asyncio.StreamWriter, data: bytes) -> None:
    for at in itertools.count():
        if writer.is_closing():
            return
        writer.write(data[at % len(data) :][:1])
        await asyncio.sleep(0.02)


async def rest(reader: asyncio.StreamReader) -> bytes:
    async with asyncio.timeout(SOON):
        return await reader.read()


# ---------------------------------------------------------------- heads


@pytest.mark.parametrize("way", ["plain", "tunnel"])
@pytest.mark.parametrize("before", [b"", GET])
@pytest.mark.parametrize("drips", [False, True])
async def test_a_head_that_does_not_end_gets_408(short, way, before, drips):
    reader, writer = await connect(short, way)
    if before:
        writer.write(before)
        head = await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(int(head.lower().partition(b"content-length: ")[2].split()[0]))
    writer.write(b"GET / HT")
    dripping = asyncio.create_task(drip(writer, b"x")) if drips else None
    assert (await rest(reader)).startswith(b"HTTP/1.1 408 Request Timeout\r\n")
    if dripping:
        dripping.cancel()
    writer.transport.abort()


async def test_a_later_head_that_is_complete_in_time_is_served_whatever_the_deadline(chain):
    async with running(chain.gateway.ca_file.parent / "own", Deadlines(head=1.5)) as own:
        reader, writer = await own.connect()
        for _ in range(4):
            writer.write(GET[:20])
            await writer.drain()
            await asyncio.sleep(0.5)
            writer.write(GET[20:])
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
            await reader.readuntil(b"}")
        writer.close()


async def test_a_handshake_that_stalls_is_ended(short):
    reader, writer = await short.connect()
    writer.write(f"CONNECT {HOST}:443 HTTP/1.1\r\n\r\n".encode())
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")  # the begin of a ClientHello
    assert await rest(reader) == b""
    writer.close()


@pytest.mark.parametrize("way", ["plain", "tunnel"])
async def test_an_idle_connection_is_closed(tmp_path, way):
    async with asyncio.timeout(60), running(tmp_path, keepalive_timeout=0.1) as chain:
        reader, writer = await connect(chain, way)
        writer.write(GET)
        assert (await rest(reader)).startswith(b"HTTP/1.1 200 ")
        writer.close()


# ---------------------------------------------------------------- bodies


@pytest.mark.parametrize("way", ["plain", "tunnel"])
@pytest.mark.parametrize("garbled", [b"not a size\r\nabc\r\n", b"3\r\nabcd\r\n", b"0\r\nno trailer\r\n\r\n"])
async def test_a_chunk_that_is_malformed_in_a_later_segment_ends_the_connection(chain, way, garbled):
    reader, writer = await connect(chain, way)
    writer.write(b"PUT / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 100 ")
    writer.write(garbled)
    assert (await rest(reader)).startswith(b"HTTP/1.1 400 ")
    writer.close()


# ---------------------------------------------------------------- clients that do not read


@pytest.mark.parametrize("way", ["plain", "tunnel"])
@pytest.mark.parametrize("end", [b"", b"Connection: close\r\n"])
async def test_a_client_that_never_reads_is_cut_off(short, client, way, end):
    _, writer = await connect(short, way)
    writer.transport.pause_reading()
    writer.write(b"GET /endless/never HTTP/1.1\r\nHost: h\r\n" + end + b"\r\n")
    async with asyncio.timeout(SOON):
        while len(short.gateway.connections) != 0:
            async with client.get(f"{short.gateway.url}/", headers={"Connection": "close"}) as response:
                assert response.status == 200
            await asyncio.sleep(0.05)
    writer.transport.abort()


@pytest.fixture
async def little(short):
    """A connection whose ends buffer little, with 40 kB to read: less than what a transport buffers before it tells the
    server to wait."""
    listening, client = socket.socket(), socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)  # accepted sockets have it, too
    listening.bind(("127.0.0.1", 0))
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.setblocking(False)
    loop = asyncio.get_running_loop()
    with client:
        await short.gateway.add_listener(short.server, listening=listening)
        await loop.sock_connect(client, listening.getsockname())
        await loop.sock_sendall(client, b"GET /sized/40000 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        yield client


async def test_a_client_that_leaves_a_little_unread_is_cut_off(short, little):
    async with asyncio.timeout(SOON):
        assert (await asyncio.get_running_loop().sock_recv(little, 15)) == b"HTTP/1.1 200 OK"
        while short.gateway.connections:  # noqa: ASYNC110 - no event
            await asyncio.sleep(0.02)


async def test_a_client_that_reads_slowly_but_steadily_gets_everything(short, little):
    loop, received = asyncio.get_running_loop(), b""
    while piece := await loop.sock_recv(little, 1000):
        received += piece
        await asyncio.sleep(0.02)
    assert len(received.partition(b"\r\n\r\n")[2]) == 40_000


# ---------------------------------------------------------------- too many connections


async def test_a_connection_too_many_gets_503_and_one_that_ends_makes_room(tmp_path, caplog):
    async with asyncio.timeout(60), running(tmp_path, max_connections=20) as chain:
        kept = [await chain.connect() for _ in range(20)]
        for reader, writer in kept:
            writer.write(GET)
            assert (await reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 200 ")
        refused = await asyncio.gather(*(chain.send(GET) for _ in range(30)))
        assert all(response.startswith(b"HTTP/1.1 503 ") for response in refused)
        assert b"this cloud has 20 connections, as many as its open files allow (ulimit -n)" in refused[0]
        for _, writer in kept:
            writer.close()
        while len(chain.gateway.connections) >= 20:  # noqa: ASYNC110 - no event
            await asyncio.sleep(0.05)
        last = GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
        assert (await chain.send(last)).startswith(b"HTTP/1.1 200 ")
    assert [record.levelname for record in caplog.records if record.name.startswith("cloud")] == ["WARNING"]
