"""``GrpcCalls``: calls over gRPC, answered by the emulator as the same requests over REST."""

import asyncio
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import aiohttp
from google.protobuf.message import DecodeError, Message
from yarl import URL

from cloud.emulator.grpc.call import Call
from cloud.emulator.grpc.deadlines import Deadlines
from cloud.emulator.grpc.http2 import GrpcConnection
from cloud.emulator.grpc.methods import Method, find
from cloud.emulator.grpc.paths import PATH
from cloud.emulator.grpc.status import (
    INVALID_ARGUMENT,
    UNAVAILABLE,
    UNIMPLEMENTED,
    Status,
    StatusError,
    of_error,
    of_response,
)
from cloud.emulator.grpc.transcoding import RestRequest, from_rest, to_rest
from cloud.errors import InvalidArgument
from cloud.wire.in_process import InProcessConnector

_P = ParamSpec("_P")
_T = TypeVar("_T")

_PASSED_ON = ("authorization", "user-agent", "x-goog-api-client", "x-goog-user-project", "origin", "sec-fetch-site")
_LARGE = 2**16
"""Bytes of a message above which a thread transcodes it: a megabyte takes a second."""


class GrpcCalls:
    """Makes the protocols of connections, each of which sends the requests of its calls to ``rest``.

    Args:
        rest: makes the protocol of one HTTP/1.1 connection to the emulator.
        deadlines: of the connections made from now on.
    """

    def __init__(self, rest: Callable[[], asyncio.Protocol], deadlines: Callable[[], Deadlines]) -> None:
        self._deadlines = deadlines
        self._session = aiohttp.ClientSession(
            connector=InProcessConnector(rest, limit=0),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None),
            auto_decompress=False,
            skip_auto_headers=("User-Agent", "Accept-Encoding", "Content-Type"),
        )
        # Else aiohttp would repeat a GET whose connection is cut, and the caller learn nothing of it.
        self._session._retry_connection = False

    def __call__(self) -> asyncio.Protocol:
        return GrpcConnection(self.answer, self._deadlines())

    async def close(self) -> None:
        await self._session.close()

    async def answer(self, call: Call) -> bytes:
        """The message of the response to ``call``.

        Raises:
            StatusError: the call fails.
        """
        method = find(call.path)
        if method is None:
            raise StatusError(await self._refusal(call))
        message = await call.message()
        request = await _off_the_loop(len(message), _read, method, message)
        http_status, body, kind = await self._request(call, request)
        if http_status >= 400:
            raise StatusError(of_response(http_status, body))
        return await _off_the_loop(len(body), _write, method, body, kind)

    async def _refusal(self, call: Call) -> Status:
        """Of a method that is not known: the emulator's, which depends on the host, counts it and reports it."""
        if not PATH.fullmatch(call.path):
            return Status(UNIMPLEMENTED, f"{call.path.lstrip('/') or 'a method without a name'} is not emulated here")
        http_status, body, _ = await self._request(call, RestRequest("POST", call.path, b"", "application/grpc"))
        return of_response(http_status, body)

    async def _request(self, call: Call, request: RestRequest) -> tuple[int, bytes, str]:
        """Status, body and content type of the response over REST."""
        headers = {name: call.metadata[name] for name in _PASSED_ON if name in call.metadata}
        try:
            async with self._session.request(
                request.method,
                URL(f"http://{call.host}{request.target}", encoded=True),
                data=request.body or None,
                headers={**headers, "Content-Type": request.content_type},
            ) as response:
                return response.status, await response.read(), response.headers.get("Content-Type", "")
        except aiohttp.ClientError as error:  # a fault that a test has added, or the emulator ends
            raise StatusError(Status(UNAVAILABLE, f"The connection was closed: {error}")) from error


async def _off_the_loop(size: int, function: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
    return await asyncio.to_thread(function, *args, **kwargs) if size > _LARGE else function(*args, **kwargs)


def _read(method: Method, data: bytes) -> RestRequest:
    """Raises:
    StatusError: it is not a request of ``method``.
    """
    try:
        return to_rest(method, method.request.FromString(data))
    except DecodeError:
        raise StatusError(Status(INVALID_ARGUMENT, f"not a message {_name(method.request)}")) from None
    except InvalidArgument as error:
        raise StatusError(of_error(error)) from None


def _write(method: Method, body: bytes, kind: str) -> bytes:
    return from_rest(method, body, kind).SerializeToString()


def _name(message: type[Message]) -> str:
    return str(message.DESCRIPTOR.full_name)
