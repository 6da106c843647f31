"""Requests that the emulator answers whole, without aiohttp's server: who asks and what goes wrong is told as ever."""

import asyncio
from unittest import mock

import pytest
from aiohttp import web

from cloud.emulator.app import Emulator, Mount
from cloud.emulator.oauth2.keys import KeyRing
from cloud.emulator.oauth2.tokens import TokenRegistry, owner
from cloud.engine.principal import Principal
from cloud.testing.client import Client as HttpClient

ME = owner("my-project")


class Dialect:
    """Answers at once, or never."""

    def __init__(self) -> None:
        self.seen: list[Principal] = []
        self.ends = asyncio.Event()
        self.ends.set()
        self.begun = asyncio.Event()

    def method_id(self, request: web.Request, /) -> str:
        raise NotImplementedError

    async def handle(self, request: web.Request, principal: Principal, /) -> web.Response:
        self.seen.append(principal)
        self.begun.set()
        await self.ends.wait()
        return web.Response(text="answered")


@pytest.fixture
def tokens():
    return TokenRegistry()


@pytest.fixture
async def dialect():
    return Dialect()


@pytest.fixture
def emulator(dialect, tokens):
    emulator = Emulator("my-project", "us-central1", mock.Mock(), tokens, KeyRing())
    emulator.mount(Mount(r"ml\.googleapis\.com", r".*", dialect, whole=True))
    return emulator


class Client:
    """Sends a request when it comes, and hears what is answered first."""

    def __init__(self, emulator: Emulator, token: str) -> None:
        self.answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self.transport = mock.Mock(spec=asyncio.Transport, write=self.answer.set_result)
        self.transport.is_closing.return_value = False
        head = f"GET /v1/x HTTP/1.1\r\nHost: ml.googleapis.com:443\r\nAuthorization: Bearer {token}\r\n\r\n"
        self._head = head.encode()
        self._connection = emulator()
        self._connection.connection_made(self.transport)
        self.send()

    def send(self) -> None:
        self._connection.data_received(self._head)


@pytest.mark.parametrize("is_good", [True, False])
async def test_a_request_that_comes_whole_is_answered_as_any_other(emulator, dialect, tokens, is_good):
    token = tokens.issue(ME).value if is_good else "ya29.unknown"
    head, _, body = (await Client(emulator, token).answer).partition(b"\r\n\r\n")
    async with HttpClient(emulator, host="ml.googleapis.com", token=token) as client:
        other = await client.request("GET", "/v1/x", headers={"Expect": "100-continue"})
    assert int(head.split()[1]) == other.status == (200 if is_good else 401)
    assert body == other.body
    for name, value in other.headers.items():
        if name in ("Content-Length", "Date", "Server"):
            continue
        assert f"\r\n{name}: {value}\r\n".encode() in head
    assert dialect.seen == ([ME, ME] if is_good else [])


async def test_closing_waits_for_an_answer_under_way(emulator, dialect, tokens):
    dialect.ends.clear()
    client = Client(emulator, tokens.issue(ME).value)
    await dialect.begun.wait()
    closing = asyncio.create_task(emulator.close(grace=20))
    await asyncio.sleep(0)
    dialect.ends.set()
    await closing
    assert (await client.answer).endswith(b"answered")
    client.transport.abort.assert_not_called()


async def test_closing_ends_an_idle_connection_whatever_it_sends_yet(emulator, dialect, tokens):
    client = Client(emulator, tokens.issue(ME).value)
    await client.answer
    await emulator.close(grace=20)
    client.transport.close.assert_called_once_with()
    client.send()
    await asyncio.sleep(0)
    assert dialect.seen == [ME]


async def test_closing_cuts_off_an_answer_that_does_not_come(emulator, dialect, tokens):
    dialect.ends.clear()
    client = Client(emulator, tokens.issue(ME).value)
    await dialect.begun.wait()
    await emulator.close(grace=0.02)
    assert not client.answer.done()
    client.transport.abort.assert_called_once_with()
