"""Clients that do not trust the gateway's certificates: what is said about them."""

import asyncio
import logging
import os
import shutil

import aiohttp
import pytest

from integration.gateway_chain import HOST, running


@pytest.fixture
async def chain(tmp_path):
    async with asyncio.timeout(60), running(tmp_path) as chain:
        yield chain


@pytest.fixture
async def client():
    async with aiohttp.ClientSession() as client:
        yield client


async def test_a_client_that_does_not_trust_the_ca_is_told_once_what_it_reads(chain, client, caplog):
    agents = ["curl/8.5.0", "MyTool/1", None]
    for agent in agents * 2:
        headers = {} if agent is None else {"User-Agent": agent}
        with caplog.at_level(logging.WARNING), pytest.raises(aiohttp.ClientConnectorCertificateError):
            await client.get(f"https://{HOST}/", proxy=chain.gateway.url, proxy_headers=headers)
    async with client.get(f"https://{HOST}/", proxy=chain.gateway.url, ssl=chain.trust) as response:
        assert response.status == 200
    told = [record.getMessage() for record in caplog.records if record.name.startswith("cloud")]
    start = f"no TLS for {HOST}: the client broke off, as one does that does not trust this run's CA, "
    assert all(text.startswith(f"{start}{chain.gateway.ca_file}: ") for text in told)
    assert told[0].endswith("curl/8.5.0 reads CURL_CA_BUNDLE")
    assert "MyTool/1 reads one of CURL_CA_BUNDLE (curl" in told[1]
    assert "reads SSL_CERT_FILE" in told[2]  # aiohttp says who it is
    assert len(told) == len(agents)


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
async def test_a_client_that_says_it_does_not_trust_the_ca_is_believed(chain, caplog):
    with caplog.at_level(logging.WARNING):
        process = await asyncio.create_subprocess_exec(
            "curl", "-s", f"https://{HOST}/b/o", env={"PATH": os.environ["PATH"], "https_proxy": chain.gateway.url}
        )
        assert await process.wait() == 60  # "peer certificate cannot be authenticated"
    (told,) = [record.getMessage() for record in caplog.records if record.name.startswith("cloud")]
    assert told.startswith(
        f"no TLS for {HOST}: the client does not trust this run's CA, {chain.gateway.ca_file}: curl/"
    )
    assert told.endswith(" reads CURL_CA_BUNDLE")


async def test_a_client_that_speaks_no_tls_is_nobodys_business(chain, caplog):
    with caplog.at_level(logging.WARNING):
        reader, writer = await chain.connect()
        writer.write(f"CONNECT {HOST}:443 HTTP/1.1\r\n\r\n".encode())
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"no handshake at all")
        assert b"HTTP" not in await reader.read()
        writer.close()
    assert caplog.records == []
