import json

import aiohttp
import pytest

from cloud.emulator.envelopes import storage_error
from cloud.errors import (
    AlreadyExists,
    DeadlineExceeded,
    InvalidArgument,
    NotFound,
    PermissionDenied,
    ResourceExhausted,
    Unauthenticated,
    Unavailable,
    Unimplemented,
)
from cloud.gcs import replies
from cloud.gcs.replies import error_of, once, persist


@pytest.mark.parametrize(
    "kind",
    [
        AlreadyExists,
        DeadlineExceeded,
        InvalidArgument,
        NotFound,
        PermissionDenied,
        ResourceExhausted,
        Unauthenticated,
        Unavailable,
        Unimplemented,
    ],
)
def test_errors_come_through_the_wire_as_they_were(kind):
    error = error_of(kind.http_status, json.dumps(storage_error(kind("what was wrong", field="name"))))
    assert type(error) is kind
    assert (error.message, error.field) == ("what was wrong", "name")


@pytest.mark.parametrize("body", ["", "<html>", "[]", '{"error": 1}', '{"error": {"message": "m", "errors": []}}'])
def test_other_bodies_are_quoted(body):
    error = error_of(502, body)
    assert isinstance(error, Unavailable)
    assert "502" in error.message


async def test_what_is_unavailable_is_tried_again(monkeypatch):
    monkeypatch.setattr(replies, "_FIRST_PAUSE", 0.001)
    attempts = []

    async def attempt():
        attempts.append(1)
        if len(attempts) < 3:
            raise aiohttp.ServerDisconnectedError
        return "done"

    assert await persist(attempt) == "done"
    assert len(attempts) == 3


async def test_what_is_refused_is_not(monkeypatch):
    attempts = []

    async def attempt():
        attempts.append(1)
        raise NotFound("no")

    with pytest.raises(NotFound):
        await persist(attempt)
    assert attempts == [1]


async def test_silence_is_a_deadline():
    async def attempt():
        raise TimeoutError

    with pytest.raises(DeadlineExceeded):
        await once(attempt)
