import json

import pytest

from cloud.backends.google.errors import error_of, error_of_operation, is_quota_exceeded
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
def test_errors_have_googles_code_and_message(http, content, kind, message):
    error = error_of(http, content)
    assert (type(error), error.message) == (kind, message)


@pytest.mark.parametrize("write", [platform_error, storage_error])
def test_a_disabled_api_is_named(write):
    url = "https://console.developers.google.com/apis/api/storage.googleapis.com/overview?project=1"
    error = ServiceDisabled(f"It is disabled. Enable it by visiting {url} then retry.")
    found = error_of(403, json.dumps(write(error)).encode())
    assert isinstance(found, ServiceDisabled)
    assert (found.message, found.service) == (error.message, "storage.googleapis.com")


def test_the_field_is_extracted_from_ml_engines_message():
    error = error_of(409, body("Field: job.job_id Error: A job with this id already exists.", "ALREADY_EXISTS"))
    assert (error.field, error.message) == ("job.job_id", "A job with this id already exists.")


def test_the_shutdown_of_ml_engine_is_reported_with_an_alternative():
    error = error_of(400, body("Cloud AI Platform has been deprecated. See https://…", "INVALID_ARGUMENT"))
    assert isinstance(error, FailedPrecondition)
    assert "use --service vertex-ai" in error.message
    assert "\n" not in error.message


def test_errors_of_operations():
    assert type(error_of_operation({"code": 9, "message": "no"})) is FailedPrecondition
    assert error_of_operation({"code": 13}).message == "the operation failed"


def test_a_rate_limit_is_not_an_exceeded_quota():
    quota = {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": []}
    rate = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "RATE_LIMIT_EXCEEDED"}
    assert is_quota_exceeded(body("no GPUs", "RESOURCE_EXHAUSTED", details=[quota]))
    assert not is_quota_exceeded(body("slower", "RESOURCE_EXHAUSTED", details=[rate, quota]))
    assert not is_quota_exceeded(b"slower")
