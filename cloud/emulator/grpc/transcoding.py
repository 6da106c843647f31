"""gRPC's messages to REST requests and back, by the rules of google.api.http. Pure.

https://cloud.google.com/endpoints/docs/grpc/transcoding, https://protobuf.dev/programming-guides/json/
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import quote

from google.protobuf import json_format
from google.protobuf.message import Message

from cloud.emulator.grpc.methods import HttpRule, Method, pool
from cloud.errors import InvalidArgument
from cloud.resources import Json

_VARIABLE = re.compile(r"\{([\w.]+)(?:=([^}]*))?\}")
_CONTENT_TYPE = re.compile(r"[!-~][ -~]{0,255}")
_HTTP_BODY = "google.api.HttpBody"
"""A message that stands for a body of any form."""


@dataclass(frozen=True, slots=True)
class RestRequest:
    method: str
    target: str
    """Path and query."""
    body: bytes
    content_type: str


def to_rest(method: Method, request: Message) -> RestRequest:
    """Raises:
    InvalidArgument: a field that the path needs is missing or of another form, or a value has no form in JSON.
    """
    for rule in method.rules:
        path = _path(rule, request)
        if path is not None:
            break
    else:
        first = _VARIABLE.search(method.rules[0].uri) if method.rules else None
        name = first[1] if first else ""
        raise InvalidArgument(f"not of the form {first[2] if first else ''}: {_field(request, name)!r}", field=name)
    rest = type(request)()
    rest.CopyFrom(request)
    for name, _ in _variables(rule.uri):
        _clear(rest, name)
    body, content_type = b"", "application/json"
    for field, value in rest.ListFields():
        if field.message_type is not None and field.message_type.full_name == _HTTP_BODY:
            if not _CONTENT_TYPE.fullmatch(kind := value.content_type or content_type):
                raise InvalidArgument(f"not a content type: {kind!r}", field=f"{field.name}.content_type")
            return RestRequest(rule.verb.upper(), path, value.data, kind)
    if rule.body == "*":
        body = json.dumps(_to_json(rest)).encode()
        rest.Clear()
    elif rule.body is not None:
        body = json.dumps(_to_json(getattr(rest, rule.body))).encode()
        rest.ClearField(rule.body)
    query = "&".join(f"{quote(name)}={quote(value, safe='')}" for name, value in _query(_to_json(rest)))
    return RestRequest(rule.verb.upper(), f"{path}?{query}" if query else path, body, content_type)


def from_rest(method: Method, body: bytes, content_type: str) -> Message:
    """The response that a body of REST says; fields that the message does not have are left out.

    Raises:
        ValueError: it is not the JSON of that message.
    """
    response: Any = method.response()
    if response.DESCRIPTOR.full_name == _HTTP_BODY:
        response.data, response.content_type = body, content_type
        return method.response.FromString(response.SerializeToString())
    content = json.loads(body or b"{}")
    if not isinstance(content, dict):
        raise ValueError(f"a JSON object was expected, not {body[:100]!r}")
    return parse(response, content)


def parse(message: Message, content: Json) -> Message:
    """Fill ``message`` from JSON.

    Raises:
        ValueError: it is not the JSON of that message.
    """
    try:
        return json_format.ParseDict(content, message, ignore_unknown_fields=True, descriptor_pool=pool())
    except json_format.ParseError as error:
        raise ValueError(str(error)) from error


def _to_json(message: Message) -> Any:
    """Raises:
    InvalidArgument: a value has no form in JSON, such as an infinite number or a message of an unknown type.
    """
    try:
        return _with_integers(json_format.MessageToDict(message, descriptor_pool=pool()))
    except (json_format.Error, ValueError, TypeError) as error:
        raise InvalidArgument(str(error)) from None


def _with_integers(value: Any) -> Any:
    # google.protobuf.Value knows doubles only, where JSON over REST had integers: 4.0 is written as 4 by Google, too.
    match value:
        case dict():
            return {name: _with_integers(item) for name, item in value.items()}
        case list():
            return [_with_integers(item) for item in value]
        case float() if value.is_integer() and abs(value) < 2**53:
            return int(value)
        case _:
            return value


@cache
def _variables(uri: str) -> tuple[tuple[str, re.Pattern[str]], ...]:
    """Name and pattern of each variable of a URI."""
    return tuple((name, re.compile(_expression(form or "*"))) for name, form in _VARIABLE.findall(uri))


def _expression(form: str) -> str:
    pieces = re.split(r"(\*\*|\*)", form)
    return "".join({"**": ".+", "*": "[^/]+"}.get(piece, re.escape(piece)) for piece in pieces)


def _path(rule: HttpRule, request: Message) -> str | None:
    """The path of ``request``; None if the rule does not fit."""
    path = rule.uri
    for name, pattern in _variables(rule.uri):
        value = _field(request, name)
        if not pattern.fullmatch(value):
            return None
        path = re.sub(r"\{" + re.escape(name) + r"(?:=[^}]*)?\}", quote(value, safe="/:@").replace("\\", r"\\"), path)
    return path


def _field(message: Any, path: str) -> str:
    for name in path.split(".") if path else ():
        message = getattr(message, name)
    return str(message)


def _clear(message: Any, path: str) -> None:
    *parents, name = path.split(".")
    for parent in parents:
        message = getattr(message, parent)
    message.ClearField(name)


def _query(content: Any, prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, value in content.items():
        if isinstance(value, dict):
            yield from _query(value, f"{prefix}{name}.")
            continue
        for item in value if isinstance(value, list) else [value]:
            yield prefix + name, json.dumps(item) if isinstance(item, bool) else str(item)
