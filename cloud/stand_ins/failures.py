"""Why a command fails."""

import json
from typing import Any


class Failure(Exception):
    """Ends the command: the text is printed after ``ERROR:`` (gcloud), or by itself (gsutil).

    Args:
        details: lines that follow the text.
        status: of the process.
    """

    is_unplaced = False
    """gcloud's text does not name the command: the failure is one of a task that it ran beside others."""

    def __init__(self, message: str, *, details: str = "", status: int = 1) -> None:
        super().__init__(message)
        self.message, self.details, self.status = message, details, status


class TaskFailure(Failure):
    """Of one of several tasks."""

    is_unplaced = True


class HttpError(Failure):
    """An API's error response."""

    def __init__(self, code: int, body: bytes) -> None:
        self.code, self.body = code, body
        self.error = _error_of(body)
        super().__init__(str(self.error.get("message") or body.decode(errors="replace").strip() or f"HTTP {code}"))

    @property
    def reason(self) -> str:
        """Google's canonical code, such as NOT_FOUND, where the API gives it."""
        return str(self.error.get("status", ""))


def _error_of(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    error = found.get("error") if isinstance(found, dict) else None
    return error if isinstance(error, dict) else {}
