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
)
from cloud.gcs.errors import map_errors, parse_error
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
    ],
)
def test_errors_survive_the_wire_format(kind):
    error = parse_error(kind.http_status, json.dumps(storage_error(kind("what was wrong", field="name"))))
    assert type(error) is kind
    assert (error.message, error.field) == ("what was wrong", "name")


@pytest.mark.parametrize("body", ["", "<html>", "[]", '{"error": 1}', '{"error": {"message": "m", "errors": []}}'])
def test_other_bodies_are_quoted(body):
    error = parse_error(502, body)
    assert isinstance(error, Unavailable)
    assert "502" in error.message


def failing(error):
    async def attempt():
        raise error

    return attempt


def response_error(status, **headers):
    return aiohttp.ClientResponseError(None, (), status=status, message='Reason: {"error": 1}', headers=headers)


@pytest.mark.parametrize(
    ("error", "kind", "is_transient"),
    [
        (aiohttp.ClientConnectionError(), Unavailable, True),
        (response_error(429), ResourceExhausted, True),
        (response_error(503), Unavailable, True),
        (response_error(504), DeadlineExceeded, True),
        (response_error(404), NotFound, False),
        (response_error(401), Unauthenticated, False),
        (TimeoutError(), DeadlineExceeded, False),
    ],
    ids=repr,
)
async def test_aiohttps_errors_are_mapped_and_transient_or_not(error, kind, is_transient):
    with pytest.raises(RetryableError) as caught:
        await map_errors(failing(error))
    assert (type(caught.value.error), caught.value.is_transient) == (kind, is_transient)


async def test_retry_after_and_auth_errors_are_kept():
    with pytest.raises(RetryableError) as caught:
        await map_errors(failing(response_error(429, **{"Retry-After": "7"})))
    assert (caught.value.retry_after, caught.value.is_auth_error) == (7.0, False)
    with pytest.raises(RetryableError) as caught:
        await map_errors(failing(response_error(401)))
    assert caught.value.is_auth_error
