"""Google's errors as ``CloudError``: the canonical code, and Google's own message. Pure.

Forms: https://cloud.google.com/apis/design/errors.
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
"""How ML Engine begins a message about a field."""
_DEPRECATED = "Cloud AI Platform has been deprecated"


def error_of(status: int, content: bytes) -> CloudError:
    """The error that a reply of this HTTP status stands for."""
    body, unnamed = _body(content), BY_HTTP_STATUS.get(status, CloudError)
    if isinstance(body, str):
        return PredictionFailed(body)  # the form in which model servers answer
    if body is None:
        text = content[:500].decode(errors="replace").strip()
        return unnamed(f"Google answered {status}: {text}")
    message = str(body.get("message", ""))
    kind = BY_CODE.get(body.get("status", ""), unnamed)
    if _DEPRECATED in message:
        return FailedPrecondition(f'ML Engine is no longer served by Google ("{_DEPRECATED}"): use --service vertex-ai')
    if _is_disabled(body):
        return ServiceDisabled(message)
    if match := _FIELD.fullmatch(message):
        return kind(match[2], field=match[1])
    return kind(message)


def error_of_operation(status: Json) -> CloudError:
    """The error that a ``google.rpc.Status`` is."""
    return BY_NUMBER.get(status.get("code", 0), CloudError)(status.get("message", "") or "the operation failed")


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
