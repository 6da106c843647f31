"""``gcloud iam service-accounts`` (https://cloud.google.com/iam/docs/reference/rest/v1/projects.serviceAccounts)."""

import argparse
import os
from base64 import b64decode
from pathlib import Path
from typing import Any

from cloud.stand_ins.connection import escape
from cloud.stand_ins.failures import Failure
from cloud.stand_ins.gcloud.commands import command, flag
from cloud.stand_ins.gcloud.invocation import Invocation

_HOST = "iam"
_ACCOUNT = flag("SERVICE_ACCOUNT")
_OF = flag("--iam-account", required=True)


def _accounts(run: Invocation) -> str:
    return f"/v1/projects/{escape(run.project)}/serviceAccounts"


@command("iam service-accounts create", flag("NAME"), flag("--display-name"), flag("--description"), shows="none")
def create(run: Invocation, flags: argparse.Namespace) -> None:
    shown = {"displayName": flags.display_name, "description": flags.description}
    body = {"accountId": flags.NAME, "serviceAccount": {name: text for name, text in shown.items() if text}}
    run.call("POST", _HOST, _accounts(run), None, body)
    run.say(f"Created service account [{flags.NAME}].")


@command(
    "iam service-accounts list",
    shows="table(displayName:label='DISPLAY NAME', email, disabled.yesno(yes=True, no=False):label=DISABLED)",
    lists=True,
)
def list_accounts(run: Invocation, _: argparse.Namespace) -> list[Any]:
    return sorted(run.pages(_HOST, _accounts(run), "accounts"), key=lambda account: str(account["email"]))


@command("iam service-accounts describe", _ACCOUNT)
def describe(run: Invocation, flags: argparse.Namespace) -> Any:
    return run.call("GET", _HOST, f"/v1/projects/-/serviceAccounts/{escape(flags.SERVICE_ACCOUNT)}")


@command("iam service-accounts delete", _ACCOUNT, shows="none")
def delete(run: Invocation, flags: argparse.Namespace) -> None:
    run.confirm(f"You are about to delete service account [{flags.SERVICE_ACCOUNT}]")
    run.call("DELETE", _HOST, f"/v1/projects/-/serviceAccounts/{escape(flags.SERVICE_ACCOUNT)}")
    run.say(f"deleted service account [{flags.SERVICE_ACCOUNT}]")


@command("iam service-accounts keys create", flag("OUTPUT_FILE"), _OF, flag("--key-file-type"), shows="none")
def create_key(run: Invocation, flags: argparse.Namespace) -> None:
    if flags.key_file_type not in (None, "json"):
        raise Failure(f"the stand-in of gcloud makes keys of the type json only, not {flags.key_file_type}", status=2)
    found = run.call("POST", _HOST, f"/v1/projects/-/serviceAccounts/{escape(flags.iam_account)}/keys", None, {})
    path = Path(flags.OUTPUT_FILE).expanduser()
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(b64decode(found["privateKeyData"]))
    key = found["name"].rpartition("/")[2]
    run.say(f"created key [{key}] of type [json] as [{flags.OUTPUT_FILE}] for [{flags.iam_account}]")


@command(
    "iam service-accounts keys list",
    _OF,
    shows=(
        "table(name.basename():label=KEY_ID, validAfterTime:label=CREATED_AT, validBeforeTime:label=EXPIRES_AT, "
        "disabled.yesno(yes=True, no=''):label=DISABLED)"
    ),
    lists=True,
)
def list_keys(run: Invocation, flags: argparse.Namespace) -> Any:
    found = run.call("GET", _HOST, f"/v1/projects/-/serviceAccounts/{escape(flags.iam_account)}/keys") or {}
    return found.get("keys", [])
