"""The status of a call, and Google's error JSON as one.

Codes: https://github.com/grpc/grpc/blob/master/doc/statuscodes.md. The details are a ``google.rpc.Status`` in the
trailer ``grpc-status-details-bin``: https://cloud.google.com/apis/design/errors.
"""

import base64
import json
import logging
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from cloud.emulator.grpc.methods import message
from cloud.emulator.grpc.transcoding import parse
from cloud.emulator.rest.errors import NOT_EMULATED, platform_error
from cloud.errors import CloudError

_log = logging.getLogger(__name__)

OK, UNKNOWN, INVALID_ARGUMENT, DEADLINE_EXCEEDED, UNIMPLEMENTED, INTERNAL, UNAVAILABLE = 0, 2, 3, 4, 12, 13, 14

_CODES = {
    "INVALID_ARGUMENT": 3,
    "DEADLINE_EXCEEDED": 4,
    "NOT_FOUND": 5,
    "ALREADY_EXISTS": 6,
    "PERMISSION_DENIED": 7,
    "RESOURCE_EXHAUSTED": 8,
    "FAILED_PRECONDITION": 9,
    "ABORTED": 10,
    "OUT_OF_RANGE": 11,
    "UNIMPLEMENTED": 12,
    "INTERNAL": 13,
    "UNAVAILABLE": 14,
    "UNAUTHENTICATED": 16,
}
_OF_HTTP: dict[int, int] = {
    HTTPStatus.BAD_REQUEST: 3,
    HTTPStatus.UNAUTHORIZED: 16,
    HTTPStatus.FORBIDDEN: 7,
    HTTPStatus.NOT_FOUND: 5,
    HTTPStatus.CONFLICT: 10,
    HTTPStatus.TOO_MANY_REQUESTS: 8,
    HTTPStatus.NOT_IMPLEMENTED: 12,
    HTTPStatus.SERVICE_UNAVAILABLE: 14,
    HTTPStatus.GATEWAY_TIMEOUT: 4,
}
"""https://github.com/googleapis/googleapis/blob/master/google/rpc/code.proto"""
_PRINTABLE = "".join(map(chr, range(0x20, 0x7F))).replace("%", "")
_MAX_TRAILER = 3500
"""Bytes of a field. gRPC's clients take 8 KiB for all, and fail in other words where there are more."""


@dataclass(frozen=True, slots=True)
class Status:
    code: int
    message: str = ""
    details: bytes = b""
    """A serialized ``google.rpc.Status``; empty for none."""

    def trailers(self) -> list[tuple[str, str]]:
        fields = [("grpc-status", str(self.code))]
        if self.message:
            fields.append(("grpc-message", _percent_encoded(self.message)))
        details = base64.b64encode(self.details).decode().rstrip("=")
        if 0 < len(details) <= _MAX_TRAILER:
            fields.append(("grpc-status-details-bin", details))
        return fields


class StatusError(Exception):
    """A call fails with ``status``."""

    def __init__(self, status: Status) -> None:
        super().__init__(status.message)
        self.status = status


def of_error(error: CloudError) -> Status:
    """The status of an error, as if it had been made over REST."""
    return of_response(error.http_status, json.dumps(platform_error(error)).encode())


def of_response(http_status: int, body: bytes) -> Status:
    """The status of a response of REST that is an error."""
    try:
        error = json.loads(body)["error"]
        text, name = str(error["message"]), error.get("status", "")
    except (ValueError, TypeError, KeyError):
        error, text, name = {}, body[:2000].decode(errors="replace").strip(), ""
    details = [detail for detail in error.get("details", []) if isinstance(detail, dict)]
    if any(detail.get("reason") == NOT_EMULATED for detail in details):
        code = UNIMPLEMENTED
    else:
        code = _CODES.get(name) or _OF_HTTP.get(http_status, UNKNOWN)
    return Status(code, text, _packed(code, text, details) if details else b"")


def _packed(code: int, text: str, details: list[dict[str, Any]]) -> bytes:
    status: Any = message("google.rpc.Status")(code=code, message=text)
    for detail in details:
        try:
            parse(status.details.add(), detail)
        except ValueError as error:  # a type that is not in the table: the others are of use without it
            _log.warning("a detail of an error is left out: %s", error)
            del status.details[-1]
    return bytes(status.SerializeToString())


def _percent_encoded(text: str) -> str:
    """https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#responses"""
    encoded = quote(text, safe=_PRINTABLE)
    while len(encoded) > _MAX_TRAILER:
        text = text[: len(text) * _MAX_TRAILER // len(encoded) - 1]
        encoded = quote(f"{text}…", safe=_PRINTABLE)
    return encoded
