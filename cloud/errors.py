"""Every error this project raises on purpose: one class for each of Google's canonical codes it uses.

Codes and their HTTP status: https://github.com/googleapis/googleapis/blob/master/google/rpc/code.proto.
"""

import re
from typing import ClassVar


class CloudError(Exception):
    """Something the caller can act on: the message names what was wrong, its value and the mend.

    Args:
        message: one or more sentences, no trailing newline.
        field: the request field at fault in Google's spelling (``job.job_id``), where there is one.
    """

    code: ClassVar[str] = "INTERNAL"
    http_status: ClassVar[int] = 500

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.field = field

    def __str__(self) -> str:
        return f"{self.field}: {self.message}" if self.field else self.message


class InvalidArgument(CloudError):
    code, http_status = "INVALID_ARGUMENT", 400


class PredictionFailed(InvalidArgument):
    """The model, not the request's address or envelope, refused the instances or failed to run on them."""


class FailedPrecondition(CloudError):
    code, http_status = "FAILED_PRECONDITION", 400


class Unauthenticated(CloudError):
    code, http_status = "UNAUTHENTICATED", 401


class PermissionDenied(CloudError):
    code, http_status = "PERMISSION_DENIED", 403


class ServiceDisabled(PermissionDenied):
    """An API is not enabled in the project. Google's message holds the address at which it is."""

    @property
    def service(self) -> str:
        """Its host, ``aiplatform.googleapis.com``; empty if the message does not tell."""
        match = re.search(r"/apis/api/([\w.-]+)/", self.message)
        return match[1] if match else ""


class NotFound(CloudError):
    code, http_status = "NOT_FOUND", 404


class AlreadyExists(CloudError):
    code, http_status = "ALREADY_EXISTS", 409


class Aborted(CloudError):
    code, http_status = "ABORTED", 409


class ResourceExhausted(CloudError):
    code, http_status = "RESOURCE_EXHAUSTED", 429


class Unimplemented(CloudError):
    code, http_status = "UNIMPLEMENTED", 501


class Unavailable(CloudError):
    code, http_status = "UNAVAILABLE", 503


class DeadlineExceeded(CloudError):
    code, http_status = "DEADLINE_EXCEEDED", 504
