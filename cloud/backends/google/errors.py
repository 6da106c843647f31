"""Google's errors as ``CloudError``: the canonical code, and Google's own message. Pure.

Forms: https://cloud.google.com/apis/design/errors. Codes of operations: google/rpc/code.proto.
"""

import json
import re

from cloud.errors import (
    Aborted,
    AlreadyExists,
    CloudError,
    DeadlineExceeded,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    PermissionDenied,
    PredictionFailed,
    ResourceExhausted,
    ServiceDisabled,
    Unauthenticated,
    Unavailable,
    Unimplemented,
)
from cloud.resources import Json

_KINDS: tuple[type[CloudError], ...] = (
    Aborted,
    AlreadyExists,
    DeadlineExceeded,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    PermissionDenied,
    ResourceExhausted,
    Unauthenticated,
    Unavailable,
    Unimplemented,
)
_BY_NAME = {kind.code: kind for kind in _KINDS} | {"OUT_OF_RANGE": InvalidArgument}
_BY_STATUS = {kind.http_status: kind for kind in _KINDS} | {
    400: InvalidArgument,
    409: AlreadyExists,
    412: FailedPrecondition,
    502: Unavailable,
}
_BY_NUMBER = {
    3: InvalidArgument,
    4: DeadlineExceeded,
    5: NotFound,
    6: AlreadyExists,
    7: PermissionDenied,
    8: ResourceExhausted,
    9: FailedPrecondition,
    10: Aborted,
    11: InvalidArgument,
    12: Unimplemented,
    14: Unavailable,
    16: Unauthenticated,
}
_FIELD = re.compile(r"Field: (\S+) Error: (.*)", re.DOTALL)
"""How ML Engine begins a message about a field."""
_DEPRECATED = "Cloud AI Platform has been deprecated"


def error_of(status: int, content: bytes) -> CloudError:
    """The error that a reply of this HTTP status stands for."""
    body = _body(content)
    if isinstance(body, str):
        return PredictionFailed(body)  # the form in which model servers answer
    if body is None:
        text = content[:500].decode(errors="replace").strip()
        return _BY_STATUS.get(status, CloudError)(f"Google answered {status}: {text}")
    message, kind = (
        str(body.get("message", "")),
        _BY_NAME.get(body.get("status", ""), _BY_STATUS.get(status, CloudError)),
    )
    if _DEPRECATED in message:
        return FailedPrecondition(f'ML Engine is no longer served by Google ("{_DEPRECATED}"): use --service vertex-ai')
    if _is_disabled(body):
        return ServiceDisabled(message)
    if match := _FIELD.fullmatch(message):
        return kind(match[2], field=match[1])
    return kind(message)


def error_of_operation(status: Json) -> CloudError:
    """The error that a ``google.rpc.Status`` is."""
    return _BY_NUMBER.get(status.get("code", 0), CloudError)(status.get("message", "") or "the operation failed")


def is_lack_of_quota(content: bytes) -> bool:
    """Whether a 429 says that the project may never have so much, rather than to come again later."""
    body = _body(content)
    details = body.get("details", []) if isinstance(body, dict) else []
    kinds = [str(detail.get("@type", "")).rpartition(".")[2] for detail in details]
    return "QuotaFailure" in kinds and not any(detail.get("reason") == "RATE_LIMIT_EXCEEDED" for detail in details)


def _is_disabled(body: Json) -> bool:
    """Whether an API is not enabled; Cloud Storage's own words for it are older
    (https://cloud.google.com/service-usage/docs/troubleshoot-activation)."""
    reasons = {item.get("reason") for item in (*body.get("details", ()), *body.get("errors", ()))}
    return bool(reasons & {"SERVICE_DISABLED", "accessNotConfigured"})


def _body(content: bytes) -> Json:
    try:
        error = json.loads(content)["error"]
    except (ValueError, KeyError, TypeError):
        return None
    return error if isinstance(error, dict | str) else None
