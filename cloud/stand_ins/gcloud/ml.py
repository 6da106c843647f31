"""What the commands of ``gcloud ai-platform`` share: the endpoint, names of resources, operations."""

import sys
import time
from typing import Any

from cloud.stand_ins.connection import escape
from cloud.stand_ins.failures import Failure
from cloud.stand_ins.gcloud.commands import flag
from cloud.stand_ins.gcloud.invocation import Invocation

HOST = "ml"
REGION = flag("--region")
FRAMEWORKS = ("scikit-learn", "tensorflow", "xgboost")
_POLL_SECONDS = 0.2


def endpoint(run: Invocation, region: str | None) -> str:
    """The host of models and versions, which is said as gcloud says it."""
    region = region or run.configuration.get("ai_platform/region") or run.configuration.get("ml_engine/region")
    host = f"{region}-ml.googleapis.com" if region and region != "global" else "ml.googleapis.com"
    run.say(f"Using endpoint [https://{host}/]")
    return host


def project_path(run: Invocation) -> str:
    return f"/v1/projects/{escape(run.project)}"


def wait(run: Invocation, host: str, operation: dict[str, Any], doing: str | None = None) -> Any:
    """Poll until it is done, with a dot for each poll; returns its response.

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
