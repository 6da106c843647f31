"""The gateway over real sockets: tunnels, refusals, and clients that behave badly."""

import asyncio
import gc
import logging
import os
import shutil
import socket
import ssl
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web

from cloud.gateway.environ import client_environ
from cloud.gateway.grpc_refusal import MESSAGE
from cloud.gateway.tunnel import Gateway, Refusal

HOST = "storage.googleapis.com"


PIECE = bytes(65_536)
sent_endlessly = Counter[str]()
"""Pieces that the server got rid of, by path."""


async def echo(request: web.BaseRequest) -> web.StreamResponse:
    if request.path.startswith("/endless"):
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(PIECE)
            sent_endlessly[request.path] += 1
    if request.headers.get("Expect"):
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0
    body = await request.read()
    return web.json_response(
        {"method": request.method, "url": str(request.url), "body": body.decode(), "fields": sorted(request.headers)}
    )


class Chain:
    """A gateway in front of an echo server, and what clients need to know of it."""

    def __init__(self, gateway: Gateway, refusals: list[Refusal]) -> None:
        self.gateway = gateway
        self.refusals = refusals
        self.trust = ssl.create_default_context(cafile=str(gateway.ca_file))

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        host, port = self.gateway.address.split(":")
        return await asyncio.open_connection(host, int(port))

    async def say(self, data: bytes) -> bytes:
        """Everything the gateway answers to ``data``, until it closes the connection."""
        reader, writer = await self.connect()
        try:
            writer.write(data)
            return await reader.read()
        finally:
            writer.close()
            await writer.wait_closed()

    async def tunnel(
        self, host: str = HOST, sni: str | None = HOST
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await self.connect()
        writer.write(f"CONNECT {host}:443 HTTP/1.1\r\nHost: {host}:443\r\n\r\n".encode())
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
        trust = self.trust
        if sni is None:
            trust = ssl.create_default_context(cafile=str(self.gateway.ca_file))
            trust.check_hostname = False
        await writer.start_tls(trust, server_hostname=sni)
        return reader, writer


@asynccontextmanager
async def running(folder, **settings) -> AsyncIterator[Chain]:
    server = web.Server(echo, access_log=None)
    refusals: list[Refusal] = []
    gateway = Gateway(server, folder / "ca", refusals.append, **settings)
    await gateway.start()
    try:
        yield Chain(gateway, refusals)
    finally:
        await gateway.close()
        server.pre_shutdown()
        await server.shutdown(1)


@pytest.fixture
async def chain(tmp_path):
    async with asyncio.timeout(60), running(tmp_path) as chain:
        yield chain


@pytest.fixture
async def client():
    async with aiohttp.ClientSession() as client:
        yield client


# ---------------------------------------------------------------- tunnels


async def test_requests_reach_the_server_as_https_on_one_connection(chain, client):
    for body in ("", "abc"):
        async with client.post(
            f"https://{HOST}/x?y=z", proxy=chain.gateway.url, ssl=chain.trust, data=body
        ) as response:
            answer = await response.json()
        assert (answer["method"], answer["url"], answer["body"]) == ("POST", f"https://{HOST}/x?y=z", body)


async def test_without_sni_the_host_is_the_one_connect_named(chain):
    _, writer = await chain.tunnel("bucket.storage.googleapis.com", sni=None)
    names = writer.get_extra_info("ssl_object").getpeercert()["subjectAltName"]
    writer.close()
    assert names == (("DNS", "*.storage.googleapis.com"),)


async def test_tensorflows_double_framing_is_mended_on_every_request_of_a_connection(chain):
    reader, writer = await chain.tunnel()
    post = (
        b"POST /%d HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\nTransfer-Encoding: identity\r\n"
        b"Expect: 100-continue\r\n\r\n"
    )
    put = (
        b"PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
        b"6\r\nfolder\r\n0\r\n\r\n"
    )
    writer.write(post % 1 + post % 2 + put)
    answers = await reader.read()
    writer.close()
    assert answers.count(b"HTTP/1.1 100 Continue") == 2
    assert answers.count(b"HTTP/1.1 200 OK") == 3
    assert b'"body": "folder"' in answers


async def test_large_bodies_arrive_whole_both_ways(chain, client):
    sent = os.urandom(3 * 2**19).hex()
    async with client.put(
        f"https://{HOST}/x", proxy=chain.gateway.url, ssl=chain.trust, data=_pieces(sent)
    ) as response:
        assert response.status == 413  # more than the echo server reads at once: it is read to its end, and refused
    sent = sent[: 2**20]
    async with client.put(
        f"https://{HOST}/x", proxy=chain.gateway.url, ssl=chain.trust, data=_pieces(sent)
    ) as response:
        assert (await response.json())["body"] == sent


async def _pieces(text):
    for at in range(0, len(text), 10_000):
        yield text[at : at + 10_000].encode()


async def test_two_hundred_connections_at_once(chain):
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0, force_close=True)) as client:

        async def ask(number: int) -> str:
            url = f"https://{HOST}/{number}"
            async with client.get(url, proxy=chain.gateway.url, ssl=chain.trust) as response:
                return (await response.json())["url"]

        assert await asyncio.gather(*map(ask, range(200))) == [f"https://{HOST}/{number}" for number in range(200)]


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
@pytest.mark.parametrize("flag", ["https", "metadata", "direct"])
async def test_curl_needs_the_environment_only(chain, flag):
    url = {
        "https": f"https://{HOST}/b/o",
        "metadata": "http://metadata.google.internal/computeMetadata/v1/",
        "direct": f"{chain.gateway.url}/computeMetadata/v1/",
    }[flag]
    environ = client_environ(
        proxy_url=chain.gateway.url,
        ca_file=chain.gateway.ca_file,
        metadata_host=chain.gateway.address,
        project="p-12345",
    )
    process = await asyncio.create_subprocess_exec(
        "curl", "-sS", "--fail", url, env={"PATH": os.environ["PATH"], **environ}, stdout=-1
    )
    out, _ = await process.communicate()
    assert process.returncode == 0
    assert f'"url": "{url}"'.encode() in out


async def test_a_client_that_does_not_trust_the_ca_is_named_in_the_log(chain, client, caplog):
    with caplog.at_level(logging.WARNING), pytest.raises(aiohttp.ClientConnectorCertificateError):
        await client.get(f"https://{HOST}/", proxy=chain.gateway.url)
    async with client.get(f"https://{HOST}/", proxy=chain.gateway.url, ssl=chain.trust) as response:
        assert response.status == 200
    assert f"no TLS for {HOST}" in caplog.text


CALL_BY_GRPC = """
import sys, time, grpc
channel = grpc.secure_channel(sys.argv[1], grpc.ssl_channel_credentials())
for _ in range(2):
    began = time.monotonic()
    try:
        channel.unary_unary("/google.cloud.aiplatform.v1.ModelService/ListModels")(b"request", timeout=5)
    except grpc.RpcError as error:
        print(error.code().name, time.monotonic() - began, error.details())
"""


async def test_grpc_is_refused_at_once_in_its_own_form(chain):
    environ = os.environ | client_environ(
        proxy_url=chain.gateway.url, ca_file=chain.gateway.ca_file, metadata_host="127.0.0.1:1", project="my-project"
    )
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", CALL_BY_GRPC, HOST), env=environ, stdout=subprocess.PIPE
    )
    out, _ = await process.communicate()
    calls = out.decode().splitlines()
    assert len(calls) == 2
    for call in calls:
        code, seconds, details = call.split(" ", 2)
        assert code == "UNIMPLEMENTED"
        assert float(seconds) < 1
        assert details == MESSAGE


# ---------------------------------------------------------------- refusals


async def test_other_hosts_are_refused_counted_and_reported(chain, client):
    for _ in range(2):
        with pytest.raises(aiohttp.ClientHttpProxyError) as caught:
            await client.get("https://pypi.org/simple/", proxy=chain.gateway.url)
        assert caught.value.status == 403
    async with client.get("http://pypi.org/simple/", proxy=chain.gateway.url) as response:
        assert response.status == 403
        assert await response.text() == ("this job runs offline: pypi.org:80 is not a Google API that is emulated\n")
    assert chain.refusals == [Refusal("pypi.org", 443, 1), Refusal("pypi.org", 443, 2), Refusal("pypi.org", 80, 1)]
    assert chain.gateway.refusals == [Refusal("pypi.org", 443, 2), Refusal("pypi.org", 80, 1)]


async def test_a_connection_to_the_metadata_server_does_not_lead_anywhere_else(chain):
    ask = "GET http://{}/ HTTP/1.1\r\nHost: {}\r\nConnection: keep-alive\r\n\r\n"
    answer = await chain.say(
        (
            ask.format("metadata.google.internal", "metadata.google.internal") + ask.format("a.example", "a.example")
        ).encode()
    )
    assert answer.count(b"HTTP/1.1") == 1
    assert b"a.example" not in answer


async def test_a_refused_upload_still_gets_its_answer(chain, client):
    async with client.post("http://example.com/", proxy=chain.gateway.url, data=bytes(2**20)) as response:
        assert response.status == 403


# ---------------------------------------------------------------- bad days


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"CONNECT storage.googleapis.com HTTP/1.1\r\n\r\n", b"400"),
        (b"CONNECT :443 HTTP/1.1\r\n\r\n", b"400"),
        (b"hello\r\n\r\n", b"400"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", b"400"),
        (b"CONNECT storage.googleapis.com:443 HTTP/1.1\r\n\r\n\x16\x03\x01", b"400"),
        (b"GET / HTTP/1.1\r\nX: " + b"x" * 20 * 2**20, b"431"),
        (b"GET / HTTP/1.1\r\nX: " + b"x" * 70_000 + b"\r\n\r\n", b"431"),
    ],
)
async def test_a_malformed_or_endless_head_gets_an_answer(chain, data, status):
    assert (await chain.say(data)).startswith(b"HTTP/1.1 " + status)


async def test_a_client_that_stops_in_the_middle_of_its_head_is_let_go(tmp_path):
    async with asyncio.timeout(30), running(tmp_path, first_head_seconds=0.1) as chain:
        reader, writer = await chain.connect()
        writer.write(b"CONNECT storage")
        assert (await reader.read()).startswith(b"HTTP/1.1 408 ")
        writer.close()


async def test_a_client_may_leave_at_any_point(chain, client):
    for said in (b"", b"CONN", f"CONNECT {HOST}:443 HTTP/1.1\r\n\r\n".encode()):
        _, writer = await chain.connect()
        writer.write(said)
        await writer.drain()
        writer.transport.abort()
    async with client.get(f"https://{HOST}/", proxy=chain.gateway.url, ssl=chain.trust) as response:
        assert response.status == 200


async def test_a_client_that_never_reads_costs_a_buffer_and_holds_up_no_one(chain, client):
    _, writer = await chain.tunnel()
    writer.transport.pause_reading()
    writer.write(b"GET /endless/unread HTTP/1.1\r\nHost: h\r\n\r\n")
    for _ in range(100):
        async with client.get(f"https://{HOST}/", proxy=chain.gateway.url, ssl=chain.trust) as response:
            assert response.status == 200
    assert sent_endlessly["/endless/unread"] * len(PIECE) < 32 * 2**20
    writer.transport.abort()


@pytest.mark.filterwarnings("error")
async def test_closing_amid_transfers_leaves_nothing_behind(tmp_path, caplog):
    before = asyncio.all_tasks()
    async with asyncio.timeout(30), running(tmp_path) as chain:
        idle = await chain.connect()
        handshaking = await chain.connect()
        handshaking[1].write(f"CONNECT {HOST}:443 HTTP/1.1\r\n\r\n".encode())
        await handshaking[0].readuntil(b"\r\n\r\n")
        kept = await chain.tunnel()
        reading = await chain.tunnel()
        reading[1].write(b"GET /endless HTTP/1.1\r\nHost: h\r\n\r\n")
        await reading[0].readexactly(100_000)
        sending = await chain.tunnel()
        sending[1].write(b"PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\nabc")
        stuck = await chain.tunnel()
        stuck[1].transport.pause_reading()
        stuck[1].write(b"GET /endless HTTP/1.1\r\nHost: h\r\n\r\n")
        just_asking = await chain.connect()
        just_asking[1].write(f"CONNECT {HOST}:443 HTTP/1.1\r\n\r\n".encode())
    for _, writer in (idle, handshaking, kept, reading, sending, stuck, just_asking):
        writer.transport.abort()
    assert asyncio.all_tasks() == before
    gc.collect()
    assert [record for record in caplog.records if record.name.startswith(("asyncio", "cloud"))] == []


async def test_closing_twice_and_without_start_is_allowed(tmp_path):
    gateway = Gateway(lambda: asyncio.Protocol(), tmp_path)
    await gateway.close()
    await gateway.start()
    await gateway.close()
    await gateway.close()
    with pytest.raises(RuntimeError, match="not been started"):
        _ = gateway.url


def test_nothing_is_reachable_from_outside_this_machine(tmp_path):
    async def bound() -> str:
        async with running(tmp_path) as chain:
            return chain.gateway.address.split(":")[0]

    assert asyncio.run(bound()) == "127.0.0.1"


_UNDER_UVLOOP = """
import asyncio, pathlib, ssl, sys, aiohttp, uvloop
from aiohttp import web
from cloud.gateway.tunnel import Gateway

async def echo(request):
    return web.json_response([request.method, request.scheme, len(await request.read())])

async def main():
    server = web.Server(echo, access_log=None)
    gateway = Gateway(server, pathlib.Path(sys.argv[1]))
    await gateway.start()
    trust = ssl.create_default_context(cafile=str(gateway.ca_file))
    async with aiohttp.ClientSession() as client:
        for size in (0, 3, 500_000):
            url = "https://www.googleapis.com/x"
            async with client.put(url, data=bytes(size), proxy=gateway.url, ssl=trust) as response:
                assert await response.json() == ["PUT", "https", size]
        reader, writer = await asyncio.open_connection(*gateway.address.split(":"))
        await gateway.close()
        assert await reader.read() == b""
        writer.close()
    server.pre_shutdown()
    await server.shutdown(1)
    print("done")

uvloop.run(main())
"""


@pytest.mark.skipif(sys.platform == "win32", reason="uvloop does not run there")
def test_it_runs_on_uvloop_as_well(tmp_path):
    command = [sys.executable, "-W", "error", "-c", _UNDER_UVLOOP, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.returncode) == ("done\n", 0), done.stderr


def test_the_port_is_the_systems_choice(tmp_path):
    async def ports() -> set[str]:
        async with running(tmp_path / "a") as first, running(tmp_path / "b") as second:
            return {first.gateway.address, second.gateway.address}

    assert len(asyncio.run(ports())) == 2
    assert socket.gethostbyname("localhost") == "127.0.0.1"
