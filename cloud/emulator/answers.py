"""JSON as the platform's APIs write it."""

from collections.abc import Mapping

import orjson
from aiohttp import web

from cloud.emulator.fields import apply_fields, parse_fields
from cloud.resources import Json


def json_response(answer: Json, query: Mapping[str, Json]) -> web.Response:
    """``answer`` with two spaces of indentation and a newline, unless ``prettyPrint`` is false; of it what ``fields``
    asks for.

    Args:
        query: the checked parameters of the request.
    """
    if query.get("fields"):
        answer = apply_fields(parse_fields(query["fields"]), answer)
    layout = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE if query.get("prettyPrint", True) else 0
    return web.Response(body=orjson.dumps(answer, option=layout), content_type="application/json", charset="utf-8")
