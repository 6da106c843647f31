"""Google's error JSON, in the styles its APIs use, from a ``CloudError``. The only place that writes it.

- Cloud Storage (and the other APIs of its age) lists ``errors`` with a domain and a camel-case reason:
  https://cloud.google.com/storage/docs/json_api/v1/status-codes
- The platform style (ML Engine, Vertex AI, Logging) has a canonical ``status`` and typed ``details``:
  https://cloud.google.com/apis/design/errors
- Cloud Storage's XML API: https://cloud.google.com/storage/docs/xml-api/reference-status
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from xml.sax.saxutils import escape

from aiohttp import web

from cloud.engine.storage.errors import AnonymousRefused, StorageFault
from cloud.engine.storage.preconditions import ConditionNotMet
from cloud.engine.storage.public.well_known import PublicBucketMissing, PublicObjectMissing
from cloud.errors import (
    BucketNotFound,
    CloudError,
    InvalidArgument,
    PermissionDenied,
    ResourceExhausted,
    ServiceDisabled,
    Unimplemented,
)
from cloud.resources import Json

_STORAGE_REASONS = {
    304: "notModified",
    400: "invalid",
    401: "required",
    403: "forbidden",
    404: "notFound",
    408: "uploadBrokenConnection",
    409: "conflict",
    410: "uploadSessionGone",
    412: "conditionNotMet",
    416: "requestedRangeNotSatisfiable",
    429: "rateLimitExceeded",
    503: "backendError",
    504: "gatewayTimeout",
}
_XML_ERRORS = {
    400: ("InvalidArgument", "Invalid argument."),
    401: ("AuthenticationRequired", "Authentication required."),
    403: ("AccessDenied", "Access denied."),
    404: ("NoSuchKey", "The specified key does not exist."),
    408: ("RequestTimeout", "The request timed out."),
    409: ("Conflict", "The request conflicts with the state of the resource."),
    412: ("PreconditionFailed", "At least one of the pre-conditions you specified did not hold."),
    416: ("InvalidRange", "The requested range cannot be satisfied."),
    503: ("ServiceUnavailable", "Service unavailable. Please retry."),
}
"""``Code`` and ``Message`` by status; what is particular is in ``Details``."""
_NO_BUCKET = ("NoSuchBucket", "The specified bucket does not exist.")
_DOMAIN = "offline-ml-cloud"
"""Of the reasons that Google does not have (``google.rpc.ErrorInfo``)."""
NOT_EMULATED = "METHOD_NOT_EMULATED"
"""The reason of a method that is not emulated. Over gRPC it is UNIMPLEMENTED."""
_RPC = "type.googleapis.com/google.rpc."
_SIGN_IN = 'Bearer realm="https://accounts.google.com/"'


@dataclass(frozen=True, slots=True)
class Violation:
    """One thing wrong with a request (``google.rpc.BadRequest.FieldViolation``)."""

    field: str
    """Path in snake case, ``job.training_input``; empty where the fault has no place."""
    description: str


class InvalidRequest(InvalidArgument):
    """Everything that is wrong with a request at once."""

    def __init__(self, violations: Sequence[Violation]) -> None:
        super().__init__("\n".join(violation.description for violation in violations))
        self.violations = tuple(violations)


class QuotaFailure(ResourceExhausted):
    """A project may not use so much of something (``google.rpc.QuotaFailure``).

    Args:
        subject: what the quota is on.
    """

    def __init__(self, message: str, *, subject: str) -> None:
        super().__init__(message)
        self.subject = subject


class PermissionMissing(PermissionDenied):
    """A caller lacks a permission (https://cloud.google.com/iam/docs/permission-error-messages).

    Args:
        service: the API's host.
        resource: its name, ``projects/my-project``.
    """

    def __init__(self, message: str, *, permission: str, service: str, resource: str, grant: str = "") -> None:
        super().__init__(message, permission=permission, grant=grant)
        self.service, self.resource = service, resource


class ServiceNotEmulated(ServiceDisabled):
    """An API that is not emulated, answered as one that is not enabled in the project.

    Args:
        service: ``bigquery.googleapis.com``.
        consumer: the project, ``projects/NUMBER``.
    """

    def __init__(self, message: str, *, service: str, consumer: str) -> None:
        super().__init__(message)
        self._service, self.consumer = service, consumer

    @property
    def service(self) -> str:
        return self._service


class ErrorStyle(Enum):
    STORAGE = "storage"
    PLATFORM = "platform"
    XML = "xml"
    TEXT = "text"
    """The message alone: downloads by Cloud Storage's JSON API."""


def storage_error(error: CloudError) -> Json:
    """The body in Cloud Storage's style."""
    reason = _STORAGE_REASONS.get(error.http_status, "internalError")
    if isinstance(error, ServiceDisabled):
        reason = "accessNotConfigured"
    if isinstance(error, StorageFault):
        reason = error.reason or reason
    item = {"message": error.message, "domain": "global", "reason": reason}
    if isinstance(error, ConditionNotMet) and error.field:
        # A query's conditions, too, are named by their headers.
        item |= {"locationType": "header", "location": "If-None-Match" if "Not" in error.field else "If-Match"}
    elif error.field:
        item |= {"locationType": "parameter", "location": error.field}
    body: Json = {"code": error.http_status, "message": error.message, "errors": [item]}
    if isinstance(error, Unimplemented):
        body["details"] = [_not_emulated(error)]
    return {"error": body}


def platform_error(error: CloudError) -> Json:
    """The body in the platform's style; ``field`` becomes a BadRequest detail and part of the text, as at ML Engine."""
    body: Json = {"code": error.http_status, "message": error.message, "status": error.code}
    match error:
        case InvalidRequest():
            body["details"] = [_bad_request(error.violations)]
        case QuotaFailure():
            violation = {"subject": error.subject, "description": error.message}
            body["details"] = [{"@type": f"{_RPC}QuotaFailure", "violations": [violation]}]
        case Unimplemented():
            body |= {"status": PermissionDenied.code, "details": [_not_emulated(error)]}
        case PermissionMissing():
            metadata = {"permission": error.permission, "resource": error.resource}
            about = {"reason": "IAM_PERMISSION_DENIED", "domain": error.service, "metadata": metadata}
            body["details"] = [{"@type": f"{_RPC}ErrorInfo", **about}]
        case ServiceNotEmulated(service=service):
            # Google's own front end writes all of this for an API that is not enabled; the list for older clients.
            item = {"message": error.message, "domain": "usageLimits", "reason": "accessNotConfigured"}
            url = f"https://console.cloud.google.com/apis/library/{service}"
            links = [{"description": f"{service} at Google", "url": url}]
            body["errors"] = [item]
            body["details"] = [
                {"@type": f"{_RPC}Help", "links": links},
                _service_disabled({"service": service, "consumer": error.consumer}),
            ]
        case ServiceDisabled(service=str(service)) if service:
            body["details"] = [_service_disabled({"service": service})]
        case CloudError(field=str(field)) if field:
            body["message"] = f"Field: {field} Error: {error.message}"
            body["details"] = [_bad_request([Violation(field, error.message)])]
    return {"error": body}


def _service_disabled(metadata: Json) -> Json:
    # https://cloud.google.com/service-usage/docs/troubleshoot-activation
    about = {"reason": "SERVICE_DISABLED", "domain": "googleapis.com", "metadata": metadata}
    return {"@type": f"{_RPC}ErrorInfo", **about}


def _not_emulated(error: Unimplemented) -> Json:
    known = {"method": error.method, "service": error.service}
    metadata = {name: value for name, value in known.items() if value}
    return {"@type": f"{_RPC}ErrorInfo", "reason": NOT_EMULATED, "domain": _DOMAIN, "metadata": metadata}


def _bad_request(violations: Sequence[Violation]) -> Json:
    listed = [
        {"field": violation.field, "description": violation.description}
        if violation.field
        else {"description": violation.description}
        for violation in violations
    ]
    return {"@type": f"{_RPC}BadRequest", "fieldViolations": listed}


def error_response(error: CloudError, style: ErrorStyle = ErrorStyle.STORAGE) -> web.Response:
    """The whole answer."""
    if error.http_status == 304:
        return web.Response(status=304)
    if style is ErrorStyle.STORAGE and isinstance(error, StorageFault) and error.is_bare_text:
        style = ErrorStyle.TEXT
    if style is ErrorStyle.XML and isinstance(error, AnonymousRefused):
        error = PermissionDenied(error.message)
    body = _BODIES[style](error)
    kind = _MEDIA_TYPES.get(style, "application/json")
    headers = {"WWW-Authenticate": _SIGN_IN} if error.http_status == 401 else {}
    # Python's urllib, and with it Keras, shows nothing of an error but its reason phrase.
    reason = f"Not Found ({error.short})" if isinstance(error, PublicBucketMissing | PublicObjectMissing) else None
    return web.Response(
        text=body, status=error.http_status, reason=reason, headers=headers, content_type=kind, charset="utf-8"
    )


def xml_elements(error: CloudError) -> dict[str, str]:
    """The elements of ``<Error>`` by their names.

    Google's Python client reads the details of each 400, and fails where there are none.
    """
    code, message = _XML_ERRORS.get(error.http_status, ("InternalError", error.message))
    if isinstance(error, Unimplemented):
        # Many clients show the message only: it says why.
        return {"Code": code, "Message": error.message, "Details": NOT_EMULATED}
    if isinstance(error, BucketNotFound):
        code, message = _NO_BUCKET
    elements: Mapping[str, str] = {}
    if isinstance(error, StorageFault):
        code, message, elements = error.xml_code or code, error.xml_message or message, error.elements
    return {"Code": code, "Message": message, "Details": str(error), **elements}


def _xml_error(error: CloudError) -> str:
    listed = "".join(f"<{name}>{escape(text)}</{name}>" for name, text in xml_elements(error).items())
    return f"<?xml version='1.0' encoding='UTF-8'?><Error>{listed}</Error>"


_BODIES: dict[ErrorStyle, Callable[[CloudError], str]] = {
    ErrorStyle.STORAGE: lambda error: json.dumps(storage_error(error)),
    ErrorStyle.PLATFORM: lambda error: json.dumps(platform_error(error), indent=2) + "\n",
    ErrorStyle.XML: _xml_error,
    ErrorStyle.TEXT: lambda error: error.message,
}
_MEDIA_TYPES = {ErrorStyle.XML: "application/xml", ErrorStyle.TEXT: "text/plain"}
