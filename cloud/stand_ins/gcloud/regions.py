"""``gcloud compute regions``: jobs and versions run in any region, all of them on this machine."""

import argparse
import re
from typing import Any

from cloud.stand_ins.connection import escape
from cloud.stand_ins.gcloud.commands import command, flag
from cloud.stand_ins.gcloud.invocation import Invocation

REGION = re.compile(r"[a-z]+-[a-z]+\d+")
_LISTED = "table(name, status, turnDownDate:label=TURNDOWN_DATE)"


@command("compute regions list", flag("--regexp"), shows=_LISTED, lists=True)
def list_regions(run: Invocation, _: argparse.Namespace) -> list[Any]:
    return run.pages("compute", f"/compute/v1/projects/{run.project}/regions", "items")


@command("compute regions describe", flag("REGION"))
def describe(run: Invocation, flags: argparse.Namespace) -> Any:
    return run.call("GET", "compute", f"/compute/v1/projects/{run.project}/regions/{escape(flags.REGION)}")
