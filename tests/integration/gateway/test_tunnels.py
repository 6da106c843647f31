"""The gateway over real sockets: tunnels, HTTP versions, refusals."""

import asyncio
import os
import shutil
import socket
import subprocess
import sys

import aiohttp
import pytest
from aiohttp import web

from cloud.gateway.environ import client_environ
from cloud.gateway.listener import Refusal
from integration.gateway.chain import HOST, running

# ---------------------------------------------------------------- tunnels


async def test_requests_through_a_tunnel_reach_the_server_as_https(chain, client):
    for body in ("", "abc"):
        async with client.post(
            f"https://{HOST}/x?y=z", proxy=chain.gateway.url, ssl=chain.trust, data=body
        ) as response:
            echoed = await response.json()
        assert (echoed["method"], echoed["url"], echoed["body"]) == ("POST", f"https://{HOST}/x?y=z", body)


async def test_without_sni_the_certificate_is_for_the_host_of_connect(chain):
    _, writer = await chain.tunnel("bucket.storage.googleapis.com", sni=None)
    names = writer.get_extra_info("ssl_object").getpeercert()["subjectAltName"]
    writer.close()
    assert names == (("DNS", "*.storage.googleapis.com"),)


async def test_tensorflows_double_framing_is_normalised_on_every_request_of_a_connection(chain):
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
    responses = await reader.read()
    writer.close()
    assert responses.count(b"HTTP/1.1 100 Continue") == 2
    assert responses.count(b"HTTP/1.1 200 OK") == 3
    assert b'"body": "folder"' in responses


async def test_large_bodies_arrive_whole_both_ways(chain, client):
    sent = os.urandom(3 * 2**19).hex()
    async with client.put(
        f"https://{HOST}/x", proxy=chain.gateway.url, ssl=chain.trust, data=_pieces(sent)
    ) as response:
        assert response.status == 413  # above the echo server's limit: refused, after the whole body was received
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

        async def get_url(number: int) -> str:
            url = f"https://{HOST}/{number}"
            async with client.get(url, proxy=chain.gateway.url, ssl=chain.trust) as response:
                return (await response.json())["url"]

        assert await asyncio.gather(*map(get_url, range(200))) == [f"https://{HOST}/{number}" for number in range(200)]


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
@pytest.mark.parametrize("version", ["--http1.1", "--http2"])
@pytest.mark.parametrize("way", ["https", "metadata", "direct"])
async def test_curl_needs_only_the_environment(chain, way, version):
    url = {
        "https": f"https://{HOST}/b/o",
        "metadata": "http://metadata.google.internal/computeMetadata/v1/",
        "direct": f"{chain.gateway.url}/computeMetadata/v1/",
    }[way]
    environ = client_environ(
        proxy_url=chain.gateway.url,
        ca_file=chain.gateway.ca_file,
        metadata_host=chain.gateway.address,
        project="p-12345",
    )
    process = await asyncio.create_subprocess_exec(
        "curl", "-sS", "--fail", version, url, env={"PATH": os.environ["PATH"], **environ}, stdout=-1
    )
    out, _ = await process.communicate()
    assert process.returncode == 0
    assert f'"url": "{url}"'.encode() in out


# ---------------------------------------------------------------- HTTP/2


@pytest.mark.parametrize(("offered", "chosen"), [(["h2", "http/1.1"], "http/1.1"), (["h2"], "h2")], ids=str)
async def test_http_1_1_is_chosen_if_the_client_offers_it(chain, offered, chosen):
    _, writer = await chain.tunnel(alpn=offered)
    assert writer.get_extra_info("ssl_object").selected_alpn_protocol() == chosen
    writer.transport.abort()


@pytest.mark.parametrize("way", ["tunnel", "connect"])
async def test_http_2_without_negotiation_gets_goaway_http_1_1_required(chain, way, caplog):
    reader, writer = await getattr(chain, way)()
    settings = bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
    for piece in (b"PRI * HTTP/2.0\r\n", b"\r\nSM\r\n\r\n" + settings, settings):
        writer.write(piece)
        await writer.drain()
    assert await reader.readexactly(9) == settings
    frame = await reader.readexactly(9)
    goaway = await reader.readexactly(int.from_bytes(frame[:3]))
    writer.transport.abort()
    assert (frame[3], goaway[:8]) == (7, bytes([0, 0, 0, 0, 0, 0, 0, 0xD]))  # RFC 9113 §6.8, §7: HTTP_1_1_REQUIRED
    assert goaway[8:].startswith(b"HTTP/2 is supported for gRPC only")
    assert [record.message for record in caplog.records if "speaks HTTP/2 only" in record.message]


# ---------------------------------------------------------------- refusals


async def test_other_hosts_are_refused_counted_and_reported(chain, client):
    for _ in range(2):
        with pytest.raises(aiohttp.ClientHttpProxyError) as caught:
            await client.get("https://pypi.org/simple/", proxy=chain.gateway.url)
        assert caught.value.status == 403
        assert caught.value.message == "this cloud is offline: pypi.org:443 is not one of Google's APIs"
    async with client.get("http://pypi.org/simple/", proxy=chain.gateway.url) as response:
        assert response.status == 403
        assert await response.text() == "this cloud is offline: pypi.org:80 is not one of Google's APIs\n"
    assert chain.refusals == [Refusal("pypi.org", 443, 1), Refusal("pypi.org", 443, 2), Refusal("pypi.org", 80, 1)]
    assert chain.gateway.refusals == [Refusal("pypi.org", 443, 2), Refusal("pypi.org", 80, 1)]


async def test_a_listener_has_a_server_and_refusals_of_its_own(chain, client):
    async def answer(_):
        return web.Response(text="the other's")

    other = web.Server(answer, access_log=None)
    refused: list[Refusal] = []
    bound = socket.socket()
    bound.bind(("127.0.0.1", 0))
    for listening in (None, bound):
        listener = await chain.gateway.add_listener(other, on_refusal=refused.append, listening=listening)
        async with client.get(f"http://{listener.address}/x") as response:
            assert await response.text() == "the other's"
        async with client.get("http://example.com/", proxy=f"http://{listener.address}") as response:
            assert response.status == 403
        async with client.get(f"{chain.gateway.url}/x") as response:
            assert (await response.json())["url"].endswith("/x")
        reader, writer = await asyncio.open_connection(*listener.address.split(":"))
        await chain.gateway.remove_listener(listener)
        with pytest.raises(ConnectionError):
            await asyncio.open_connection(*listener.address.split(":"))
        assert await reader.read() == b""
        writer.close()
    assert [refusal.host for refusal in refused] == ["example.com"] * 2
    assert chain.refusals == refused


async def test_a_connection_to_the_metadata_server_serves_no_other_host(chain):
    request = "GET http://{0}/ HTTP/1.1\r\nHost: {0}\r\nConnection: keep-alive\r\n\r\n"
    response = await chain.send((request.format("metadata.google.internal") + request.format("a.example")).encode())
    assert response.count(b"HTTP/1.1") == 1
    assert b"a.example" not in response


async def test_a_refused_upload_still_gets_its_response(chain, client):
    async with client.post("http://example.com/", proxy=chain.gateway.url, data=bytes(2**20)) as response:
        assert response.status == 403


# ---------------------------------------------------------------- where it listens


def test_it_listens_on_loopback_only(tmp_path):
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


def test_port_0_picks_a_free_port(tmp_path):
    async def ports() -> set[str]:
        async with running(tmp_path / "a") as first, running(tmp_path / "b") as second:
            return {first.gateway.address, second.gateway.address}

    assert len(asyncio.run(ports())) == 2
    assert socket.gethostbyname("localhost") == "127.0.0.1"
