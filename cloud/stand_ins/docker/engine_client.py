"""Requests to Docker's API over the Unix socket of a cloud."""

import http.client
import json
import os
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any
from urllib.parse import urlencode

from cloud.stand_ins.failures import Failure

_UNIX = "unix://"
Query = Mapping[str, str] | Sequence[tuple[str, str]]


class EngineFailure(Failure):
    """The engine's error."""


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("docker")
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self._path)


class EngineClient:
    """The cloud's, by ``DOCKER_HOST``."""

    def __init__(self) -> None:
        host = os.environ.get("DOCKER_HOST", "")
        if not host.startswith(_UNIX):
            raise Failure(
                f"DOCKER_HOST={host}: it must be the unix:// socket of a cloud: `python -m cloud.serve -- COMMAND`, or "
                'eval "$(python -m cloud.serve env)"'
            )
        self._path = host.removeprefix(_UNIX)

    def answer(self, method: str, path: str, query: Query = (), body: Any = None) -> Any:
        """The JSON of a response.

        Raises:
            EngineFailure: the engine refuses it.
            Failure: no cloud answers.
        """
        sent = b"" if body is None else json.dumps(body).encode()
        text = self._open(method, path, query, lambda connection: connection.endheaders(sent), len(sent)).read()
        try:
            return json.loads(text)
        except ValueError:
            return text.decode(errors="replace")

    def lines(
        self, path: str, query: Query = (), send: "Callable[[Callable[[bytes], None]], None] | None" = None
    ) -> Iterator[dict[str, Any]]:
        """POST, and each line of JSON of the response, when it comes.

        Args:
            send: sends the body, by calls of its argument.

        Raises:
            EngineFailure: the engine refuses it, or fails in the middle.
            Failure: no cloud answers.
        """

        def write(connection: http.client.HTTPConnection) -> None:
            if send is None:
                connection.endheaders(b"")
                return
            connection.putheader("Content-Type", "application/x-tar")
            connection.putheader("Transfer-Encoding", "chunked")
            connection.endheaders()
            with suppress(BrokenPipeError):  # the engine has answered without it
                send(lambda piece: connection.send(b"%x\r\n%b\r\n" % (len(piece), piece)) if piece else None)
                connection.send(b"0\r\n\r\n")

        response = self._open("POST", path, query, write, None if send else 0)
        for line in response:
            message = json.loads(line)
            if "error" in message:
                raise EngineFailure(str(message["error"]))
            yield message

    def _open(
        self,
        method: str,
        path: str,
        query: Query,
        write: Callable[[http.client.HTTPConnection], None],
        length: int | None,
    ) -> http.client.HTTPResponse:
        connection = _UnixConnection(self._path)
        try:
            connection.putrequest(method, f"{path}?{urlencode(query)}" if query else path)
            if length is not None:
                connection.putheader("Content-Type", "application/json")
                connection.putheader("Content-Length", str(length))
            write(connection)
            response = connection.getresponse()
        except OSError as error:
            raise Failure(
                f"Cannot connect to the Docker daemon at {_UNIX}{self._path}. Is the docker daemon running? ({error})"
            ) from None
        if response.status >= http.HTTPStatus.BAD_REQUEST:
            text = response.read()
            try:
                message = str(json.loads(text)["message"])
            except (ValueError, KeyError, TypeError):
                message = text.decode(errors="replace").strip() or f"HTTP {response.status}"
            raise EngineFailure(f"Error response from daemon: {message}")
        return response
