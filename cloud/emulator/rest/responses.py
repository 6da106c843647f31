"""JSON as the platform's APIs write it."""

from collections.abc import Mapping

import orjson
from aiohttp import web

from cloud.emulator.rest.field_mask import apply_fields, parse_fields
from cloud.resources import Json


def json_answer(answer: Json, query: Mapping[str, Json]) -> web.Response:
    """The fields of ``answer`` that ``fields`` selects, indented unless ``prettyPrint`` is false.

    Args:
        query: the checked parameters of the request.
    """
    if query.get("fields"):
        answer = apply_fields(parse_fields(query["fields"]), answer)
    layout = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE if query.get("prettyPrint", True) else 0
    return json_response(orjson.dumps(answer, option=layout))


def json_response(body: bytes, status: int = 200) -> web.Response:
    """A response whose body is JSON already."""
    return web.Response(body=body, status=status, headers=_CONTENT_TYPE)


_CONTENT_TYPE = {"Content-Type": "application/json; charset=utf-8"}
