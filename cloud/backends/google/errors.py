"""Google's errors as ``CloudError``, with the canonical code and Google's message. Pure.

Formats: https://cloud.google.com/apis/design/errors.
"""

import json
import re

from cloud.errors import (
    BY_CODE,
    BY_HTTP_STATUS,
    BY_NUMBER,
    CloudError,
    FailedPrecondition,
    PredictionFailed,
    ServiceDisabled,
)
from cloud.resources import Json

_FIELD = re.compile(r"Field: (\S+) Error: (.*)", re.DOTALL)
"""The start of ML Engine's messages about a field."""
_DEPRECATED = "Cloud AI Platform has been deprecated"


def error_of(status: int, content: bytes) -> CloudError:
    """The error in a response with this HTTP status."""
    body, by_status = _body(content), BY_HTTP_STATUS.get(status, CloudError)
    if isinstance(body, str):
        return PredictionFailed(body)  # the format of model servers
    if body is None:
        text = content[:500].decode(errors="replace").strip()
        return by_status(f"Google answered {status}: {text}")
    message = str(body.get("message", ""))
    kind = BY_CODE.get(body.get("status", ""), by_status)
    if _DEPRECATED in message:
        return FailedPrecondition(f'ML Engine is no longer served by Google ("{_DEPRECATED}"): use --service vertex-ai')
    if _is_disabled(body):
        return ServiceDisabled(message)
    if match := _FIELD.fullmatch(message):
        return kind(match[2], field=match[1])
    return kind(message)


def is_model_servers(content: bytes) -> bool:
    """Whether an error is in the format of model servers, not in Google's."""
    return isinstance(_body(content), str)


def error_of_operation(status: Json) -> CloudError:
    """The error in a ``google.rpc.Status``."""
    return BY_NUMBER.get(status.get("code", 0), CloudError)(status.get("message", "") or "the operation failed")


def is_quota_exceeded(content: bytes) -> bool:
    """Whether a 429 is for a quota that retries do not help, not for a rate limit."""
    body = _body(content)
    details = body.get("details", []) if isinstance(body, dict) else []
    kinds = [str(detail.get("@type", "")).rpartition(".")[2] for detail in details]
    return "QuotaFailure" in kinds and not any(detail.get("reason") == "RATE_LIMIT_EXCEEDED" for detail in details)


def _is_disabled(body: Json) -> bool:
    """Whether an API is not enabled; Cloud Storage has an older reason for it
    (https://cloud.google.com/service-usage/docs/troubleshoot-activation)."""
    reasons = {item.get("reason") for item in (*body.get("details", ()), *body.get("errors", ()))}
    return bool(reasons & {"SERVICE_DISABLED", "accessNotConfigured"})


def _body(content: bytes) -> Json:
    try:
        error = json.loads(content)["error"]
    except (ValueError, KeyError, TypeError):
        return None
    return error if isinstance(error, dict | str) else None
