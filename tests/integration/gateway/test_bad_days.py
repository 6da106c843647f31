"""Clients that misbehave or do not trust the CA; closing during transfers."""

import asyncio
import gc
import logging
import os
import shutil

import aiohttp
import pytest

from cloud.gateway.deadlines import Deadlines
from cloud.gateway.tunnel import Gateway
from integration.gateway.chain import HOST, PIECE, running, sent_endlessly

# ---------------------------------------------------------------- clients that do not trust the CA


async def test_a_client_that_does_not_trust_the_ca_is_logged_once_with_a_hint(chain, client, caplog):
    agents = ["curl/8.5.0", "MyTool/1", None]
    for agent in agents * 2:
        headers = {} if agent is None else {"User-Agent": agent}
        with caplog.at_level(logging.WARNING), pytest.raises(aiohttp.ClientConnectorCertificateError):
            await client.get(f"https://{HOST}/", proxy=chain.gateway.url, proxy_headers=headers)
    async with client.get(f"https://{HOST}/", proxy=chain.gateway.url, ssl=chain.trust) as response:
        assert response.status == 200
    logged = [record.getMessage() for record in caplog.records if record.name.startswith("cloud")]
    reason = "the client closed the connection, probably because it does not trust this run's CA"
    start = f"TLS handshake for {HOST} failed: {reason} ({chain.gateway.ca_file}); "
    assert all(text.startswith(start) for text in logged)
    assert logged[0].endswith("curl/8.5.0 reads CURL_CA_BUNDLE")
    assert "MyTool/1 reads one of CURL_CA_BUNDLE (curl" in logged[1]
    assert "reads SSL_CERT_FILE" in logged[2]  # aiohttp sends a user agent of its own
    assert len(logged) == len(agents)


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
async def test_a_client_that_sends_a_trust_alert_is_logged_as_such(chain, caplog):
    with caplog.at_level(logging.WARNING):
        process = await asyncio.create_subprocess_exec(
            "curl", "-s", f"https://{HOST}/b/o", env={"PATH": os.environ["PATH"], "https_proxy": chain.gateway.url}
        )
        assert await process.wait() == 60  # "peer certificate cannot be authenticated"
    (logged,) = [record.getMessage() for record in caplog.records if record.name.startswith("cloud")]
    assert logged.startswith(
        f"TLS handshake for {HOST} failed: the client does not trust this run's CA ({chain.gateway.ca_file}); curl/"
    )
    assert logged.endswith(" reads CURL_CA_BUNDLE")


async def test_a_client_that_has_trusted_the_ca_may_leave_within_a_handshake(chain, client, caplog):
    """As a program in Go does that ends while it opens connections ahead."""
    headers = {"User-Agent": "Go-http-client/1.1"}
    options = {"proxy": chain.gateway.url, "proxy_headers": headers}
    async with client.get(f"https://{HOST}/", ssl=chain.trust, **options) as response:
        assert response.status == 200
    with caplog.at_level(logging.INFO, "cloud.gateway"):
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await client.get(f"https://{HOST}/", **options)
        async with client.get(f"https://{HOST}/", ssl=chain.trust, **options) as response:
            assert response.status == 200
    [logged] = [record for record in caplog.records if "handshake" in record.getMessage()]
    assert logged.levelno == logging.INFO


async def test_a_client_that_speaks_no_tls_is_not_logged_as_a_warning(chain, caplog):
    with caplog.at_level(logging.WARNING):
        reader, writer = await chain.connect()
        writer.write(f"CONNECT {HOST}:443 HTTP/1.1\r\n\r\n".encode())
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"no handshake at all")
        assert b"HTTP" not in await reader.read()
        writer.close()
    assert caplog.records == []


# ---------------------------------------------------------------- clients that misbehave


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
async def test_a_malformed_or_endless_head_gets_an_error_response(chain, data, status):
    assert (await chain.send(data)).startswith(b"HTTP/1.1 " + status)


async def test_a_client_that_stops_within_its_head_times_out(tmp_path):
    async with asyncio.timeout(30), running(tmp_path, deadlines=Deadlines(head=0.1)) as chain:
        reader, writer = await chain.connect()
        writer.write(b"CONNECT storage")
        assert (await reader.read()).startswith(b"HTTP/1.1 408 ")
        writer.close()


async def test_a_client_may_disconnect_at_any_point(chain, client):
    for sent in (b"", b"CONN", f"CONNECT {HOST}:443 HTTP/1.1\r\n\r\n".encode()):
        _, writer = await chain.connect()
        writer.write(sent)
        await writer.drain()
        writer.transport.abort()
    async with client.get(f"https://{HOST}/", proxy=chain.gateway.url, ssl=chain.trust) as response:
        assert response.status == 200


async def test_a_client_that_never_reads_costs_only_a_buffer_and_blocks_no_other(chain, client):
    _, writer = await chain.tunnel()
    writer.transport.pause_reading()
    writer.write(b"GET /endless/unread HTTP/1.1\r\nHost: h\r\n\r\n")
    for _ in range(100):
        async with client.get(f"https://{HOST}/", proxy=chain.gateway.url, ssl=chain.trust) as response:
            assert response.status == 200
    assert sent_endlessly["/endless/unread"] * len(PIECE) < 32 * 2**20
    writer.transport.abort()


@pytest.mark.filterwarnings("error")
async def test_closing_during_transfers_leaves_nothing_behind(tmp_path, caplog):
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
        connecting = await chain.connect()
        connecting[1].write(f"CONNECT {HOST}:443 HTTP/1.1\r\n\r\n".encode())
    for _, writer in (idle, handshaking, kept, reading, sending, stuck, connecting):
        writer.transport.abort()
    assert asyncio.all_tasks() == before
    gc.collect()
    assert [record for record in caplog.records if record.name.startswith(("asyncio", "cloud"))] == []


async def test_closing_twice_or_before_start_is_allowed(tmp_path):
    gateway = Gateway(lambda: asyncio.Protocol(), tmp_path)
    await gateway.close()
    await gateway.start()
    await gateway.close()
    await gateway.close()
    with pytest.raises(RuntimeError, match="not been started"):
        _ = gateway.url
