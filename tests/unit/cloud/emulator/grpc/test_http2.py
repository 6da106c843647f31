"""Calls of a real HTTP/2 client, over a connection in memory."""

import asyncio
from dataclasses import dataclass, field
from unittest import mock

import pytest
from h2 import events
from h2.config import H2Configuration
from h2.connection import H2Connection
from hypothesis import given
from hypothesis import strategies as st

from cloud.emulator.grpc.call import Call
from cloud.emulator.grpc.deadlines import Deadlines
from cloud.emulator.grpc.framing import MAX_MESSAGE, frame
from cloud.emulator.grpc.http2 import GrpcConnection
from cloud.emulator.grpc.status import Status, StatusError
from cloud.wire.in_process import connect

PATH = "/package.Service/Method"


@dataclass
class Response:
    headers: dict[str, str] = field(default_factory=dict)
    data: bytes = b""
    trailers: dict[str, str] = field(default_factory=dict)
    reset: int | None = None
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def status(self) -> str:
        return {**self.headers, **self.trailers}["grpc-status"]


class Client(asyncio.Protocol):
    def __init__(self) -> None:
        self.http2 = H2Connection(H2Configuration(client_side=True, header_encoding="utf-8"))
        self.responses: dict[int, Response] = {}
        self.lost = asyncio.Event()
        self.goaway: events.ConnectionTerminated | None = None

    def connection_made(self, transport):
        self.transport = transport
        self.http2.initiate_connection()
        self.flush()

    def connection_lost(self, _):
        self.lost.set()

    def pause_writing(self):
        pass

    resume_writing = pause_writing

    def flush(self):
        self.transport.write(self.http2.data_to_send())

    def data_received(self, data):
        for event in self.http2.receive_data(data):
            response = self.responses.get(getattr(event, "stream_id", 0))
            match event:
                case events.ResponseReceived() if response:
                    response.headers = dict(event.headers)
                case events.TrailersReceived() if response:
                    response.trailers = dict(event.headers)
                case events.DataReceived() if response:
                    response.data += event.data
                    self.http2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                case events.StreamEnded() if response:
                    response.ended.set()
                case events.StreamReset() if response:
                    response.reset = event.error_code
                    response.ended.set()
                case events.ConnectionTerminated():
                    self.goaway = event
        self.flush()

    def begin(self, *extra, path=PATH, kind="application/grpc", authority="a.googleapis.com") -> int:
        number = self.http2.get_next_available_stream_id()
        self.responses[number] = Response()
        head = [(":method", "POST"), (":scheme", "https"), (":path", path), (":authority", authority)]
        self.http2.send_headers(number, [*head, ("content-type", kind), *extra])
        return number

    async def send(self, number: int, data: bytes) -> None:
        while data:
            size = min(self.http2.local_flow_control_window(number), self.http2.max_outbound_frame_size, len(data))
            if size:
                self.http2.send_data(number, data[:size])
                data = data[size:]
            self.flush()
            await asyncio.sleep(0)
            if self.responses[number].reset is not None:
                return

    async def call(self, message: bytes, *extra, data: bytes | None = None, **options) -> Response:
        number = self.begin(*extra, **options)
        await self.send(number, frame(message) if data is None else data)
        if self.responses[number].reset is None:
            self.http2.end_stream(number)
            self.flush()
        await asyncio.wait_for(self.responses[number].ended.wait(), 20)
        return self.responses[number]


async def echo(call: Call) -> bytes:
    return await call.message()


async def never(_: Call) -> bytes:
    await asyncio.Event().wait()
    return b""


def client_of(answer, **deadlines) -> Client:
    client = Client()
    connect(client, GrpcConnection(answer, Deadlines(**deadlines)), port=443)
    return client


async def test_a_call_has_its_message_metadata_and_host():
    calls = []

    async def answer(call):
        calls.append((call, await call.message()))
        return b"answer"

    response = await client_of(answer).call(b"request", ("authorization", "Bearer t"))
    assert response.headers[":status"] == "200"
    assert response.headers["content-type"] == "application/grpc"
    assert (response.data, response.trailers) == (frame(b"answer"), {"grpc-status": "0"})
    ((call, message),) = calls
    assert (call.path, call.host, message) == (PATH, "a.googleapis.com", b"request")
    assert call.metadata["authorization"] == "Bearer t"
    assert not any(name.startswith(":") for name in call.metadata)


async def test_an_error_is_a_response_without_a_message():
    async def answer(_):
        raise StatusError(Status(5, "no such thing: ü", b"details"))

    response = await client_of(answer).call(b"")
    assert response.headers["grpc-status"] == "5"
    assert response.headers["grpc-message"] == "no such thing: %C3%BC"
    assert response.data == b""


async def test_large_messages_go_both_ways_within_the_windows():
    message = bytes(range(256)) * 12_000
    response = await client_of(echo).call(message)
    assert response.data == frame(message)
    assert response.status == "0"


async def test_two_hundred_calls_at_once_are_answered_each_with_its_own():
    client = client_of(echo)
    answers = await asyncio.gather(*(client.call(b"%d" % number) for number in range(200)))
    assert [response.data for response in answers] == [frame(b"%d" % number) for number in range(200)]


async def test_a_message_that_is_too_large_ends_at_once():
    response = await client_of(echo).call(bytes(2 * MAX_MESSAGE))
    assert response.status == "3"
    assert response.headers["grpc-message"] == "Request payload size exceeds the limit: 10485760 bytes."
    assert response.reset == 0


async def test_a_deadline_ends_a_call():
    assert (await client_of(never).call(b"", ("grpc-timeout", "1m"))).status == "4"


async def test_a_deadline_ends_a_call_whose_message_does_not_come():
    client = client_of(echo)
    number = client.begin(("grpc-timeout", "1m"))
    client.flush()
    await asyncio.wait_for(client.responses[number].ended.wait(), 20)
    assert client.responses[number].status == "4"


@pytest.mark.parametrize(
    ("data", "extra", "status"),
    [
        (b"", (), "13"),
        (frame(b"a") * 2, (), "13"),
        (b"\0\0\0\0\5abc", (), "13"),
        (frame(b""), (("grpc-timeout", "soon"),), "13"),
        (b"\1" + frame(b"a")[1:], (("grpc-encoding", "br"),), "12"),
    ],
)
async def test_a_call_of_no_form_is_refused(data, extra, status):
    assert (await client_of(echo).call(b"", *extra, data=data)).status == status


async def test_what_is_not_grpc_is_415():
    response = await client_of(echo).call(b"", kind="text/html")
    assert response.headers[":status"] == "415"
    assert b"offer HTTP/1.1" in response.data


async def test_a_fault_of_ours_ends_one_call_alone(caplog):
    async def answer(call):
        if await call.message() == b"bad":
            raise RuntimeError("ours")
        return b"good"

    client = client_of(answer)
    assert (await client.call(b"bad")).status == "13"
    assert (await client.call(b"")).data == frame(b"good")
    assert "ours" in caplog.text


async def test_a_call_that_the_client_gives_up_is_cancelled():
    begun, cancelled = asyncio.Event(), asyncio.Event()

    async def answer(_):
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    for give_up in ("reset", "lost"):
        begun.clear()
        cancelled.clear()
        client = client_of(answer)
        number = client.begin()
        await client.send(number, frame(b""))
        client.http2.end_stream(number)
        client.flush()
        await begun.wait()
        if give_up == "reset":
            client.http2.reset_stream(number)
            client.flush()
        else:
            client.transport.abort()
        await asyncio.wait_for(cancelled.wait(), 5)


@given(st.binary(max_size=200))
async def test_bytes_that_are_not_http2_end_the_connection(data):
    client = Client()
    client.http2.initiate_connection = lambda: None
    connect(client, GrpcConnection(echo, Deadlines()), port=443)
    client.transport.write(b"GET / HTTP/1.1\r\n" + data + bytes(100))
    await asyncio.wait_for(client.lost.wait(), 5)


# ---------------------------------------------------------------- clients that stop


async def test_a_connection_without_calls_is_closed():
    client = client_of(echo, preface=0.05, idle=0.1)
    await asyncio.wait_for(client.lost.wait(), 5)
    assert client.goaway is not None
    assert client.goaway.error_code == 0


async def test_a_client_that_says_nothing_is_not_waited_for():
    client = Client()
    client.connection_made = lambda transport: None
    client.data_received = lambda data: None
    connect(client, GrpcConnection(echo, Deadlines(preface=0.05)), port=443)
    await asyncio.wait_for(client.lost.wait(), 5)


async def test_a_connection_is_closed_some_time_after_its_last_call():
    client = client_of(echo, idle=0.1)
    assert (await client.call(b"a")).data == frame(b"a")
    await asyncio.wait_for(client.lost.wait(), 5)


async def test_a_connection_with_a_call_in_progress_is_not_idle():
    async def slow(call):
        await asyncio.sleep(0.3)
        return await call.message()

    assert (await client_of(slow, preface=0.1, idle=0.1).call(b"a")).data == frame(b"a")


async def test_a_message_that_does_not_come_is_not_waited_for():
    client = client_of(echo, message=0.05)
    number = client.begin()
    await client.send(number, b"\0\0\0\1\0" + bytes(10))
    response = client.responses[number]
    await asyncio.wait_for(response.ended.wait(), 5)
    assert response.status == "4"
    assert "did not come within 0.05 seconds" in response.headers["grpc-message"]
    assert (await client.call(b"a")).data == frame(b"a")


async def test_a_slow_client_is_waited_for_while_it_sends_steadily():
    client = client_of(echo, message=0.1)
    number, message = client.begin(), bytes(8192)
    for at in range(0, len(message), 2048):
        await client.send(number, (frame(message) if not at else message)[: 2048 + 5 * (not at)])
        await asyncio.sleep(0.05)
    client.http2.end_stream(number)
    client.flush()
    await asyncio.wait_for(client.responses[number].ended.wait(), 5)
    assert client.responses[number].data == frame(message)


async def test_a_response_that_is_not_read_is_cancelled(monkeypatch):
    client = client_of(echo, unread=0.1)
    monkeypatch.setattr(client.http2, "acknowledge_received_data", lambda *_: None)
    response = await client.call(bytes(100_000))
    assert response.reset == 8  # CANCEL
    assert 0 < len(response.data) < 100_000


async def test_a_call_can_be_answered_before_its_message_came():
    async def answer(_):
        raise StatusError(Status(12, "no such method"))

    client = client_of(answer)
    number = client.begin()
    client.flush()
    await asyncio.wait_for(client.responses[number].ended.wait(), 5)
    assert client.responses[number].status == "12"


async def test_metadata_that_is_not_utf_8_harms_nobody():
    async def answer(call):
        return call.metadata["x-name"].encode()

    client = client_of(answer)
    assert (await client.call(b"", (b"x-name", b"\xff"))).data == frame("\ufffd".encode())


@pytest.mark.parametrize("authority", ["a/b", "a b", "a@b", ""])
async def test_a_host_that_is_none_is_a_malformed_request(authority):
    client = client_of(echo)
    number = client.begin(authority=authority)
    client.flush()
    await asyncio.wait_for(client.responses[number].ended.wait(), 5)
    assert client.responses[number].reset == 1  # PROTOCOL_ERROR


async def test_nothing_is_read_while_the_client_does_not_read():
    connection, transport = GrpcConnection(echo, Deadlines()), mock.Mock()
    connection.connection_made(transport)
    connection.pause_writing()
    transport.pause_reading.assert_called_once_with()
    connection.resume_writing()
    transport.resume_reading.assert_called_once_with()
    connection.connection_lost(None)
