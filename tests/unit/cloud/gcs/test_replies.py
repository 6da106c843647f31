import json

import aiohttp
import pytest

from cloud.emulator.rest.errors import storage_error
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
from cloud.gcs.replies import attempted, error_of
from cloud.gcs.retry import RetryableError


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


def failing(error):
    async def attempt():
        raise error

    return attempt


def answered(status, **headers):
    return aiohttp.ClientResponseError(None, (), status=status, message='Reason: {"error": 1}', headers=headers)


@pytest.mark.parametrize(
    ("error", "kind", "is_transient"),
    [
        (aiohttp.ClientConnectionError(), Unavailable, True),
        (answered(429), ResourceExhausted, True),
        (answered(503), Unavailable, True),
        (answered(504), DeadlineExceeded, True),
        (answered(404), NotFound, False),
        (answered(401), Unauthenticated, False),
        (TimeoutError(), DeadlineExceeded, False),
    ],
    ids=repr,
)
async def test_what_aiohttp_says_is_a_failure_that_may_pass_or_not(error, kind, is_transient):
    with pytest.raises(RetryableError) as caught:
        await attempted(failing(error))
    assert (type(caught.value.error), caught.value.is_transient) == (kind, is_transient)


async def test_how_long_to_wait_and_who_asks_are_known_too():
    with pytest.raises(RetryableError) as caught:
        await attempted(failing(answered(429, **{"Retry-After": "7"})))
    assert (caught.value.asked, caught.value.is_auth_error) == (7.0, False)
    with pytest.raises(RetryableError) as caught:
        await attempted(failing(answered(401)))
    assert caught.value.is_auth_error
