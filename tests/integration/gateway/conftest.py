"""A gateway with its echo server, and a client."""

import asyncio

import aiohttp
import pytest

from integration.gateway.chain import running


@pytest.fixture
async def chain(tmp_path):
    async with asyncio.timeout(60), running(tmp_path) as chain:
        yield chain


@pytest.fixture
async def client():
    async with aiohttp.ClientSession() as client:
        yield client
