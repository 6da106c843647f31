"""How gcloud words an API's error response, as recorded from Cloud SDK 528."""

from typing import TYPE_CHECKING

from cloud.stand_ins.failures import HttpError

if TYPE_CHECKING:
    from cloud.stand_ins.gcloud.invocation import Invocation


def explain(error: HttpError, invocation: "Invocation", project: str | None = None) -> tuple[str, str]:
    """The text after ``ERROR: (…)``, and the lines below it.

    Args:
        project: that the request was about; None: the configured one.
    """
    if invocation.path[0] == "storage":
        return f"HTTPError {error.code}: {error.message}", ""
    text = error.message
    named = getattr(invocation.flags, "PROJECT_ID", None)
    project = project or named or invocation.configuration.get("core/project") or ""
    who = (
        f"This command is authenticated as {invocation.account} which is the active account specified by the "
        "[core/account] property" + ("." if text.endswith(".") else "")
    )
    stop = "" if text.endswith(".") else "."
    if error.code == 409:
        message = f"Resource in projects [{project}] is the subject of a conflict: {text}"
    elif error.code == 403:
        message = (
            f"[{invocation.account}] does not have permission to access projects instance [{project}] "
            f"(or it may not exist): {text}{stop} {who}"
        )
    elif error.code == 404:
        message = f"{error.reason}: {text}{stop} {who}"
    else:
        message = f"{error.reason}: {text}" if error.reason else f"HTTPError {error.code}: {text}"
    details = error.error.get("details")
    if not details:
        return message, ""
    from cloud.stand_ins.output.yaml_text import dump

    return message, dump(details)
