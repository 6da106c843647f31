"""tests/integration/gateway/test_tunnels.py tests the same with gRPC's own client."""

import asyncio
from itertools import pairwise
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.gateway.deadlines import Deadlines
from cloud.gateway.grpc_refusal import GrpcRefusal

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
SETTINGS, SETTINGS_ACK = b"\0\0\0\4\0\0\0\0\0", b"\0\0\0\4\1\0\0\0\0"


def frame(kind: int, stream: int, payload: bytes = b"", flags: int = 0) -> bytes:
    return len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big") + payload


def written(*pieces: bytes) -> tuple[bytes, bool]:
    """The bytes written, and whether the connection was aborted."""

    async def send() -> None:
        refusal.connection_made(transport)
        for piece in pieces:
            if not transport.abort.called:
                refusal.data_received(piece)

    transport, refusal = mock.Mock(), GrpcRefusal(Deadlines())
    asyncio.run(send())
    return b"".join(call.args[0] for call in transport.write.call_args_list), transport.abort.called


@given(st.lists(st.integers(0, 80), max_size=6))
def test_the_response_does_not_depend_on_how_the_bytes_are_split(cuts):
    sent = PREFACE + SETTINGS + frame(1, 1, b"headers") + frame(0, 1, b"body") + frame(6, 0, b"12345678")
    bounds = sorted({0, len(sent), *(min(cut, len(sent)) for cut in cuts)})
    out, aborted = written(*(sent[start:end] for start, end in pairwise(bounds)))
    assert (out, aborted) == written(sent)
    assert not aborted
    assert out.startswith(SETTINGS + SETTINGS_ACK)
    assert out.endswith(frame(6, 0, b"12345678", flags=1))
    assert out.count(b"grpc-status") == 1


def test_each_call_gets_a_response_and_acknowledgements_none():
    out, _ = written(PREFACE + SETTINGS_ACK + frame(6, 0, b"12345678", flags=1) + frame(1, 1) + frame(1, 3))
    assert out.count(b"application/grpc") == 2
    assert out.startswith(SETTINGS + b"\0")
    assert SETTINGS_ACK not in out


@pytest.mark.parametrize("sent", [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", PREFACE + b"\xff\xff\xff\0\0\0\0\0\1"])
def test_anything_but_http_2_aborts_the_connection(sent):
    assert written(sent)[1]


async def test_nothing_is_read_while_the_client_does_not_read():
    transport, refusal = mock.Mock(), GrpcRefusal(Deadlines())
    refusal.connection_made(transport)
    refusal.pause_writing()
    transport.pause_reading.assert_called_once_with()
    refusal.resume_writing()
    transport.resume_reading.assert_called_once_with()
    refusal.connection_lost(None)
