"""Responses in Docker's forms: JSON, errors, and the stream of JSON lines that tells of work while it is done.

Errors are ``{"message": TEXT}`` (https://docs.docker.com/reference/api/engine/), in a stream ``{"errorDetail":
{"message": TEXT}, "error": TEXT}``.
"""

import json
from http import HTTPStatus
from typing import Any

from aiohttp import ClientConnectionResetError, web

from cloud.errors import AlreadyExists, CloudError

API_VERSION = "1.47"
OLDEST = "1.24"
"""Of the versions that clients may ask for: docker-py's oldest."""
ENGINE_VERSION = "27.0.0-offline"
HEADERS = {
    "Api-Version": API_VERSION,
    "Docker-Experimental": "false",
    "Ostype": "linux",
    "Server": f"Docker/{ENGINE_VERSION} (linux)",
}
"""Of every response: by ``Server`` the command knows the system of the builder."""
GONE = (ConnectionResetError, ClientConnectionResetError)
"""Where the client has gone, nothing can be answered."""


class Conflict(AlreadyExists):
    """An image is in use by its names."""


class NotDone(CloudError):
    """What Docker Engine does, and this does not."""

    code, number, http_status = "UNIMPLEMENTED", 12, 501


def as_json(body: Any, status: HTTPStatus = HTTPStatus.OK) -> web.Response:
    # Without a charset: the docker command reads errors of exactly this type only.
    return web.Response(
        body=json.dumps(body).encode(), status=status, headers={**HEADERS, "Content-Type": "application/json"}
    )


def failure(error: CloudError) -> web.Response:
    return as_json({"message": _text(error)}, HTTPStatus(error.http_status))


class Progress:
    """A response of JSON lines. It begins with the first: an error before that has a status of its own."""

    def __init__(self, request: web.BaseRequest) -> None:
        self._request = request
        self._response: web.StreamResponse | None = None

    async def send(self, message: dict[str, Any]) -> None:
        response = await self._begun()
        await response.write(json.dumps(message).encode() + b"\r\n")

    async def status(self, text: str, identifier: str = "") -> None:
        await self.send({"status": text, **({"id": identifier, "progressDetail": {}} if identifier else {})})

    async def fail(self, error: CloudError) -> None:
        """Raises:
        CloudError: ``error``, if nothing was sent.
        """
        if self._response is None:
            raise error
        text = _text(error)
        await self.send({"errorDetail": {"message": text}, "error": text})

    async def end(self) -> web.StreamResponse:
        response = await self._begun()
        await response.write_eof()
        return response

    async def _begun(self) -> web.StreamResponse:
        if self._response is None:
            self._response = web.StreamResponse(headers={**HEADERS, "Content-Type": "application/json"})
            await self._response.prepare(self._request)
        return self._response


def _text(error: CloudError) -> str:
    return error.message
