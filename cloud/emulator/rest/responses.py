"""JSON as the platform's APIs write it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import orjson
from aiohttp import web

from cloud.emulator.rest.field_mask import apply_fields, parse_fields
from cloud.resources import Json


@dataclass(slots=True)
class JsonAnswer:
    """What ``web.Response`` is where answers may be streamed; made, and written, in a fifth of its time."""

    body: bytes = field(repr=False)
    """JSON."""
    status: int = 200

    def response(self) -> web.Response:
        return web.Response(body=self.body, status=self.status, content_type="application/json", charset="utf-8")


Answer = web.StreamResponse | JsonAnswer


def json_answer(answer: Json, query: Mapping[str, Json]) -> JsonAnswer:
    """``answer`` with two spaces of indentation and a newline, unless ``prettyPrint`` is false; of it what ``fields``
    asks for.

    Args:
        query: the checked parameters of the request.
    """
    if query.get("fields"):
        answer = apply_fields(parse_fields(query["fields"]), answer)
    layout = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE if query.get("prettyPrint", True) else 0
    return JsonAnswer(orjson.dumps(answer, option=layout))
