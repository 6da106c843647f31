"""How deep the JSON of a request may be nested."""

import json
import sys

import orjson
import pytest

from cloud.emulator.rest.discovery import parse
from cloud.emulator.rest.responses import json_answer
from cloud.errors import InvalidArgument


def lists(depth: int) -> bytes:
    return b"[" * depth + b"]" * depth


def objects(depth: int) -> bytes:
    return b'{"a":' * depth + b"1" + b"}" * depth


@pytest.mark.parametrize("made", [lists, objects])
def test_what_is_read_can_be_sent(made) -> None:
    value = parse(made(100))
    assert json.loads(json_answer({"response": value}, {}).body) == {"response": json.loads(made(100))}


@pytest.mark.parametrize("depth", [101, 200, 255, 900, sys.getrecursionlimit(), 1024])
@pytest.mark.parametrize("made", [lists, objects])
def test_what_is_deeper_is_refused(made, depth: int) -> None:
    with pytest.raises(InvalidArgument, match="Message too deep"):
        parse(made(depth))


def test_what_even_the_parser_refuses() -> None:
    with pytest.raises(InvalidArgument, match="depth limit"):
        parse(lists(100_000))


def test_the_key_is_named() -> None:
    with pytest.raises(InvalidArgument) as refused:
        parse(b'{"metadata": ' + lists(99) + b', "labels": ' + lists(100) + b"}")
    assert refused.value.message == (
        "Invalid JSON payload received. Message too deep. Max recursion depth reached for key 'labels'"
    )


def test_what_is_wide_is_not_deep() -> None:
    wide = {"instances": [[[index], {"text": "[[[["}] for index in range(1000)], "more": "[" * 1000}
    assert parse(orjson.dumps(wide)) == wide
