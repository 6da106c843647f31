"""What ``cloud.serve`` says when it serves until a signal."""

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cloud.engine.confinement.policy import Notices
    from cloud.server.base import ServedCloud

COMMAND = "python -m cloud.serve"
_BRIDGED = {
    "ml.googleapis.com": "ML Engine v1, over Vertex AI",
    "storage.googleapis.com": "Cloud Storage, forwarded",
    "logging.googleapis.com": "Cloud Logging: entries.list of jobs",
    "oauth2.googleapis.com": "access tokens for this bridge",
}
_APIS = {
    "storage.googleapis.com": "Cloud Storage, JSON and XML",
    "ml.googleapis.com": "ML Engine v1",
    "aiplatform.googleapis.com": "Vertex AI v1",
    "logging.googleapis.com": "Cloud Logging: entries.list",
    "oauth2.googleapis.com": "access tokens",
}


def welcome(cloud: "ServedCloud", notices: "Notices | None", *, is_bridge: bool, console: str) -> str:
    """
    Args:
        console: an address that opens the console once; empty if there is none.
    """
    settings = cloud.settings
    lifetime = "kept" if settings.state_dir else "deleted at the end"
    apis = _BRIDGED if is_bridge else _APIS
    shown = [f"  {host:<26} {what}" for host, what in apis.items()]
    what = "ML Engine over Vertex AI" if is_bridge else "Google Cloud, offline"
    state = f" --state {settings.state_dir}" if settings.state_dir else ""
    return "\n".join(
        [
            f"{what}: project {settings.project}, {settings.region}",
            f"  {cloud.state_dir!s:<26} its state, {lifetime}",
            *shown,
            f"  {cloud.url.removeprefix('http://'):<26} the proxy to use, and the metadata server",
            *(notices.lines if notices else ()),
            *(
                [f"The console, by an address for one use ({COMMAND} console prints another):", f"  {console}"]
                if console
                else ()
            ),
            "In another shell:",
            f'  eval "$({sys.executable} -m cloud.serve env{state})"',
            "Ctrl-C ends it.",
        ]
    )
