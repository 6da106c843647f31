import json

import pytest

from cloud.emulator.rest.errors import (
    ErrorStyle,
    InvalidRequest,
    PermissionMissing,
    QuotaFailure,
    ServiceNotEmulated,
    Violation,
    error_response,
    platform_error,
    storage_error,
)
from cloud.emulator.storage_v1.signatures.errors import SignatureFault
from cloud.engine.storage.preconditions import ConditionNotMet, NotModified
from cloud.engine.storage.public.well_known import PublicBucketMissing, PublicObjectMissing
from cloud.errors import (
    BucketNotFound,
    CloudError,
    InvalidArgument,
    NotFound,
    PermissionDenied,
    Unauthenticated,
    Unimplemented,
)


def every_kind(kind=CloudError):
    below = [each for child in kind.__subclasses__() for each in every_kind(child)]
    other_shapes = (
        InvalidRequest,
        PermissionMissing,
        PublicBucketMissing,
        PublicObjectMissing,
        QuotaFailure,
        ServiceNotEmulated,
        SignatureFault,  # always in XML
        Unimplemented,
    )
    return [kind, *(each for each in below if each not in other_shapes and not issubclass(each, SignatureFault))]


@pytest.mark.parametrize("kind", every_kind())
def test_storage_style_has_googles_shape(kind):
    error = storage_error(kind("what", field="name"))["error"]
    assert error.keys() == {"code", "message", "errors"}
    assert error["code"] == kind.http_status
    assert error["message"] == "what"
    [item] = error["errors"]
    assert item.keys() == {"message", "domain", "reason", "locationType", "location"}
    is_condition = issubclass(kind, ConditionNotMet)
    assert (item["locationType"], item["location"]) == (
        ("header", "If-Match") if is_condition else ("parameter", "name")
    )


@pytest.mark.parametrize("kind", every_kind())
def test_platform_style_has_googles_shape(kind):
    assert platform_error(kind("what"))["error"] == {"code": kind.http_status, "message": "what", "status": kind.code}


def test_a_missing_permission_is_named():
    error = PermissionMissing("no", permission="ml.jobs.get", service="ml.googleapis.com", resource="projects/p")
    about = {
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": "IAM_PERMISSION_DENIED",
        "domain": "ml.googleapis.com",
        "metadata": {"permission": "ml.jobs.get", "resource": "projects/p"},
    }
    expected = {"code": 403, "message": "no", "status": "PERMISSION_DENIED", "details": [about]}
    assert platform_error(error)["error"] == expected


def test_a_method_that_is_not_emulated_is_denied_and_says_so_in_every_style():
    error = Unimplemented("x.y is not emulated.", method="x.y", service="x.googleapis.com")
    about = {
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": "METHOD_NOT_EMULATED",
        "domain": "offline-ml-cloud",
        "metadata": {"method": "x.y", "service": "x.googleapis.com"},
    }
    assert platform_error(error)["error"] == {
        "code": 403,
        "message": "x.y is not emulated.",
        "status": "PERMISSION_DENIED",
        "details": [about],
    }
    told = storage_error(error)["error"]
    assert (told["code"], told["errors"][0]["reason"], told["details"]) == (403, "forbidden", [about])
    response = error_response(error, ErrorStyle.XML)
    assert response.status == 403
    assert "<Code>AccessDenied</Code><Message>x.y is not emulated.</Message><Details>METHOD_NOT" in response.text


def test_an_api_that_is_not_emulated_is_denied_as_one_that_is_not_enabled():
    refusal = ServiceNotEmulated("no", service="bigquery.googleapis.com", consumer="projects/12")
    error = platform_error(refusal)["error"]
    assert (error["code"], error["status"]) == (403, "PERMISSION_DENIED")
    assert error["errors"] == [{"message": "no", "domain": "usageLimits", "reason": "accessNotConfigured"}]
    assert [detail["@type"].rpartition(".")[2] for detail in error["details"]] == ["Help", "ErrorInfo"]
    assert error["details"][1] | {"@type": ""} == {
        "@type": "",
        "reason": "SERVICE_DISABLED",
        "domain": "googleapis.com",
        "metadata": {"service": "bigquery.googleapis.com", "consumer": "projects/12"},
    }


def test_everything_wrong_with_a_request_is_told_at_once():
    error = platform_error(InvalidRequest([Violation("job.args", "no list"), Violation("", "unknown")]))["error"]
    assert error["message"] == "no list\nunknown"
    assert error["details"][0]["fieldViolations"] == [
        {"field": "job.args", "description": "no list"},
        {"description": "unknown"},
    ]


def test_a_quota_says_what_it_is_on():
    error = platform_error(QuotaFailure("no GPUs", subject="my-project"))["error"]
    assert (error["code"], error["status"]) == (429, "RESOURCE_EXHAUSTED")
    [violation] = error["details"][0]["violations"]
    assert violation == {"subject": "my-project", "description": "no GPUs"}


def test_a_field_is_told_as_ml_engine_tells_it():
    error = platform_error(InvalidArgument("too long", field="job.job_id"))["error"]
    assert error["message"] == "Field: job.job_id Error: too long"
    assert error["details"] == [
        {
            "@type": "type.googleapis.com/google.rpc.BadRequest",
            "fieldViolations": [{"field": "job.job_id", "description": "too long"}],
        }
    ]


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (NotFound(""), "notFound"),
        (PermissionDenied(""), "forbidden"),
        (Unauthenticated(""), "required"),
        (ConditionNotMet(""), "conditionNotMet"),
        (CloudError(""), "internalError"),
    ],
)
def test_storage_reasons(error, reason):
    assert storage_error(error)["error"]["errors"][0]["reason"] == reason


def test_responses():
    response = error_response(NotFound("no <such> thing"))
    assert (response.status, response.content_type) == (404, "application/json")
    assert json.loads(response.text)["error"]["message"] == "no <such> thing"
    response = error_response(NotFound("no <such> thing"), ErrorStyle.XML)
    assert (
        "<Code>NoSuchKey</Code><Message>The specified key does not exist.</Message>"
        "<Details>no &lt;such&gt; thing</Details>"
    ) in response.text
    response = error_response(BucketNotFound("no 'b'"), ErrorStyle.XML)
    assert "<Code>NoSuchBucket</Code><Message>The specified bucket does not exist.</Message><Details>no 'b'<" in (
        response.text
    )
    response = error_response(InvalidArgument("not 'x'", field="max-keys"), ErrorStyle.XML)
    assert "<Message>Invalid argument.</Message><Details>max-keys: not 'x'</Details>" in response.text
    assert error_response(Unauthenticated("who?")).headers["WWW-Authenticate"].startswith("Bearer")
    assert error_response(NotModified("same")).body is None


def test_the_platform_lays_errors_out_for_people():
    text = error_response(NotFound("no job"), ErrorStyle.PLATFORM).text
    assert text == '{\n  "error": {\n    "code": 404,\n    "message": "no job",\n    "status": "NOT_FOUND"\n  }\n}\n'


@pytest.mark.parametrize("kind", [PublicBucketMissing, PublicObjectMissing])
@pytest.mark.parametrize("style", [ErrorStyle.STORAGE, ErrorStyle.XML])
def test_what_is_missing_of_a_public_bucket_is_in_the_reason_phrase_too(kind, style):
    """Keras shows nothing else of an error."""
    error = kind("Not there", "tensorflow")
    answer = error_response(error, style)
    assert (answer.status, answer.reason) == (404, f"Not Found ({error.short})")
