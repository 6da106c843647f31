"""The errors that this project raises on purpose: one class for each of Google's canonical codes in use.

Codes, their numbers and their HTTP status: https://github.com/googleapis/googleapis/blob/master/google/rpc/code.proto.
"""

import re
from collections.abc import Mapping
from typing import ClassVar


class CloudError(Exception):
    """An error that the caller can act on: the message names what was wrong, its value and the remedy.

    Args:
        message: one or more sentences, no trailing newline.
        field: the request field at fault in Google's spelling (``job.job_id``), if there is one.
    """

    code: ClassVar[str] = "INTERNAL"
    number: ClassVar[int] = 13
    http_status: ClassVar[int] = 500

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.field = field

    def __str__(self) -> str:
        return f"{self.field}: {self.message}" if self.field else self.message


class InvalidArgument(CloudError):
    code, number, http_status = "INVALID_ARGUMENT", 3, 400


class PredictionFailed(InvalidArgument):
    """The model refused the instances or failed to run on them; the request itself was legal."""


class FailedPrecondition(CloudError):
    code, number, http_status = "FAILED_PRECONDITION", 9, 400


class Unauthenticated(CloudError):
    code, number, http_status = "UNAUTHENTICATED", 16, 401


class PermissionDenied(CloudError):
    """
    Args:
        permission: that the caller lacks; empty if it is refused for another reason.
        grant: the command by which an owner would allow it, if there is one.
    """

    code, number, http_status = "PERMISSION_DENIED", 7, 403

    def __init__(self, message: str, *, field: str | None = None, permission: str = "", grant: str = "") -> None:
        super().__init__(message, field=field)
        self.permission, self.grant = permission, grant


class ServiceDisabled(PermissionDenied):
    """An API is not enabled in the project. Google's message has the URL that enables it."""

    @property
    def service(self) -> str:
        """The API's host, ``aiplatform.googleapis.com``; empty if the message does not contain it."""
        match = re.search(r"/apis/api/([\w.-]+)/", self.message)
        return match[1] if match else ""


class NotFound(CloudError):
    code, number, http_status = "NOT_FOUND", 5, 404


class BucketNotFound(NotFound):
    """A bucket that does not exist, as opposed to an object in one."""


class AlreadyExists(CloudError):
    code, number, http_status = "ALREADY_EXISTS", 6, 409


class Aborted(CloudError):
    code, number, http_status = "ABORTED", 10, 409


class ResourceExhausted(CloudError):
    code, number, http_status = "RESOURCE_EXHAUSTED", 8, 429


class Unimplemented(CloudError):
    """A method of Google's that is not emulated.

    Over HTTP it is 403, not 501, which clients repeat for half a minute (docs/decisions/0030).

    Args:
        method: Google's id of it, if there is one.
        service: the API's host, if known: ``aiplatform.googleapis.com``.
    """

    code, number, http_status = "UNIMPLEMENTED", 12, 403

    def __init__(self, message: str, *, field: str | None = None, method: str = "", service: str = "") -> None:
        super().__init__(message, field=field)
        self.method, self.service = method, service


class Unavailable(CloudError):
    code, number, http_status = "UNAVAILABLE", 14, 503


class DeadlineExceeded(CloudError):
    code, number, http_status = "DEADLINE_EXCEEDED", 4, 504


_KINDS: tuple[type[CloudError], ...] = (
    InvalidArgument,
    FailedPrecondition,
    Unauthenticated,
    PermissionDenied,
    NotFound,
    AlreadyExists,
    Aborted,
    ResourceExhausted,
    Unimplemented,
    Unavailable,
    DeadlineExceeded,
)
BY_CODE: Mapping[str, type[CloudError]] = {kind.code: kind for kind in _KINDS} | {"OUT_OF_RANGE": InvalidArgument}
BY_NUMBER: Mapping[int, type[CloudError]] = {kind.number: kind for kind in _KINDS} | {11: InvalidArgument}
BY_HTTP_STATUS: Mapping[int, type[CloudError]] = {kind.http_status: kind for kind in _KINDS} | {
    400: InvalidArgument,
    403: PermissionDenied,
    409: AlreadyExists,
    412: FailedPrecondition,
    416: InvalidArgument,
    501: Unimplemented,
    502: Unavailable,
}
"""For a response without a canonical code."""
