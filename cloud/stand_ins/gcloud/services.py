"""``gcloud services``: what is emulated is enabled."""

import argparse
from typing import Any

from cloud.stand_ins.gcloud.commands import command, flag
from cloud.stand_ins.gcloud.invocation import Invocation


@command("services enable", flag("SERVICE", nargs="+"), flag("--async", action="store_true", dest="is_async"))
def enable(run: Invocation, flags: argparse.Namespace) -> None:
    project = f"/v1/projects/{run.project}"
    if len(flags.SERVICE) == 1:
        run.call("POST", "serviceusage", f"{project}/services/{flags.SERVICE[0]}:enable", None, {})
    else:
        run.call("POST", "serviceusage", f"{project}/services:batchEnable", None, {"serviceIds": flags.SERVICE})


@command(
    "services list",
    flag("--enabled", action="store_true"),
    flag("--available", action="store_true"),
    shows="table(config.name:label=NAME, config.title)",
    lists=True,
)
def list_services(run: Invocation, flags: argparse.Namespace) -> list[Any]:
    wanted = {} if flags.available else {"filter": "state:ENABLED"}
    found = run.pages("serviceusage", f"/v1/projects/{run.project}/services", "services", wanted)
    return sorted(found, key=lambda service: service["config"]["name"])
