import json

import pytest

from cloud.backends.google.errors import error_of, error_of_operation, is_lack_of_quota
from cloud.emulator.rest.errors import platform_error, storage_error
from cloud.errors import (
    Aborted,
    AlreadyExists,
    CloudError,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    PermissionDenied,
    PredictionFailed,
    ServiceDisabled,
    Unavailable,
)


def body(message: str, status: str = "", **more: object) -> bytes:
    return json.dumps({"error": {"code": 1, "message": message, "status": status, **more}}).encode()


@pytest.mark.parametrize(
    ("http", "content", "kind", "message"),
    [
        (400, body("no", "FAILED_PRECONDITION"), FailedPrecondition, "no"),
        (400, body("no", "INVALID_ARGUMENT"), InvalidArgument, "no"),
        (409, body("no", "ABORTED"), Aborted, "no"),
        (409, body("no"), AlreadyExists, "no"),
        (403, b"<html>who are you</html>", PermissionDenied, "Google answered 403: <html>who are you</html>"),
        (502, b"", Unavailable, "Google answered 502: "),
        (500, body("oops", "INTERNAL"), CloudError, "oops"),
        (
            400,
            b'{"error": "Failed to process element: 0"}',
            PredictionFailed,
            "Failed to process element: 0",
        ),
        (
            404,
            b'[{"error": {"message": "in a list"}}]',
            NotFound,
            'Google answered 404: [{"error": {"message": "in a list"}}]',
        ),
    ],
)
def test_the_code_is_googles_and_so_is_the_message(http, content, kind, message):
    error = error_of(http, content)
    assert (type(error), error.message) == (kind, message)


@pytest.mark.parametrize("written", [platform_error, storage_error])
def test_an_api_that_is_disabled_is_named(written):
    url = "https://console.developers.google.com/apis/api/storage.googleapis.com/overview?project=1"
    error = ServiceDisabled(f"It is disabled. Enable it by visiting {url} then retry.")
    found = error_of(403, json.dumps(written(error)).encode())
    assert isinstance(found, ServiceDisabled)
    assert (found.message, found.service) == (error.message, "storage.googleapis.com")


def test_a_field_is_taken_out_of_ml_engines_message():
    error = error_of(409, body("Field: job.job_id Error: A job with this id already exists.", "ALREADY_EXISTS"))
    assert (error.field, error.message) == ("job.job_id", "A job with this id already exists.")


def test_the_end_of_ml_engine_is_told_with_the_way_out():
    error = error_of(400, body("Cloud AI Platform has been deprecated. See https://…", "INVALID_ARGUMENT"))
    assert isinstance(error, FailedPrecondition)
    assert "use --service vertex-ai" in error.message
    assert "\n" not in error.message


def test_operations_fail_by_number():
    assert type(error_of_operation({"code": 9, "message": "no"})) is FailedPrecondition
    assert error_of_operation({"code": 13}).message == "the operation failed"


def test_a_rate_is_not_a_lack_of_quota():
    lack = {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": []}
    rate = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "RATE_LIMIT_EXCEEDED"}
    assert is_lack_of_quota(body("no GPUs", "RESOURCE_EXHAUSTED", details=[lack]))
    assert not is_lack_of_quota(body("slower", "RESOURCE_EXHAUSTED", details=[rate, lack]))
    assert not is_lack_of_quota(b"slower")
