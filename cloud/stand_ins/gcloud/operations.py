"""Waiting for long-running operations."""

import sys
import time
from typing import Any

from cloud.stand_ins.failures import Failure
from cloud.stand_ins.gcloud.invocation import Invocation

_POLL_SECONDS = 0.2


def wait(run: Invocation, host: str, operation: dict[str, Any], doing: str | None = None) -> Any:
    """Poll until it is done; returns its response.

    Args:
        doing: printed, with a dot for each poll.

    Raises:
        Failure: it failed.
    """
    is_said = doing is not None and not operation.get("done")
    if is_said:
        sys.stderr.write(f"{doing}...")
        sys.stderr.flush()
    while not operation.get("done"):
        time.sleep(_POLL_SECONDS)
        operation = run.call("GET", host, f"/v1/{operation['name']}")
        if is_said:
            sys.stderr.write(".")
            sys.stderr.flush()
    error = operation.get("error")
    if is_said:
        sys.stderr.write("failed.\n" if error else "done.\n")
    if error:
        raise Failure(str(error.get("message") or error))
    return operation.get("response")
