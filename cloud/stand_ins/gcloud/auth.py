"""``gcloud auth``: tokens of the accounts there are; nobody signs in."""

import argparse
import json
from typing import Any

from cloud.stand_ins import accounts
from cloud.stand_ins.failures import Failure
from cloud.stand_ins.gcloud.commands import command, flag
from cloud.stand_ins.gcloud.invocation import Invocation, read_text

_NO_SIGN_IN = (
    "Nobody signs in to an offline cloud: this stand-in of gcloud acts as [{account}], and programs have their "
    "credentials in GOOGLE_APPLICATION_CREDENTIALS."
)


@command(
    "auth list",
    flag("--filter-account"),
    shows="table[title='Credentialed Accounts'](status.yesno(yes='*', no=''):label=ACTIVE, account)",
    lists=True,
)
def list_accounts(run: Invocation, _: argparse.Namespace) -> list[Any]:
    active, known = run.account, set(accounts.known_accounts(run.configuration.folder))
    if owner := accounts.owner_account():
        known.add(owner)
    if known:
        run.after = "\nTo set the active account, run:\n    $ gcloud config set account `ACCOUNT`\n"
    return [{"account": name, "status": "ACTIVE" if name == active else ""} for name in sorted(known)]


@command(
    "auth print-access-token",
    flag("ACCOUNT", nargs="?"),
    flag("--lifetime"),
    flag("--scopes"),
    shows="value(token)",
)
def print_token(run: Invocation, flags: argparse.Namespace) -> Any:
    if flags.ACCOUNT:
        run.configuration.overrides["core/account"] = flags.ACCOUNT
    token = accounts.token_of(run.account, run.configuration.folder, run.owner_connection)
    return {"token": token or accounts.owner_token(run.owner_connection)}


@command("auth application-default print-access-token", flag("--scopes"), shows="value(token)")
def print_default_token(run: Invocation, _: argparse.Namespace) -> Any:
    return {"token": accounts.owner_token(run.owner_connection)}


@command(
    "auth login",
    flag("ACCOUNT", nargs="?"),
    flag("--cred-file"),
    flag("--activate", action=argparse.BooleanOptionalAction, default=True),
    flag("--brief", action="store_true"),
    flag("--force", action="store_true"),
    flag("--no-browser", "--no-launch-browser", action="store_true"),
    flag("--launch-browser", action="store_true"),
    flag("--enable-gdrive-access", action="store_true"),
    flag("--update-adc", action="store_true"),
)
def login(run: Invocation, _: argparse.Namespace) -> None:
    run.say(_NO_SIGN_IN.format(account=run.account or accounts.owner_account()))


@command(
    "auth application-default login",
    flag("--no-browser", "--no-launch-browser", action="store_true"),
    flag("--launch-browser", action="store_true"),
    flag("--scopes"),
    flag("--client-id-file"),
    flag("--disable-quota-project", action="store_true"),
)
def default_login(run: Invocation, flags: argparse.Namespace) -> None:
    login(run, flags)


@command("auth application-default revoke")
def default_revoke(run: Invocation, flags: argparse.Namespace) -> None:
    login(run, flags)


@command("auth application-default set-quota-project", flag("QUOTA_PROJECT_ID"))
def quota_project(run: Invocation, _: argparse.Namespace) -> None:
    run.say("Nothing is billed in an offline cloud: the stand-in of gcloud has set no quota project.")


@command("auth configure-docker", flag("REGISTRIES", nargs="?"))
def configure_docker(run: Invocation, _: argparse.Namespace) -> None:
    run.say("Docker needs no credentials in an offline cloud: the stand-in of gcloud has changed no configuration.")


@command(
    "auth activate-service-account",
    flag("ACCOUNT", nargs="?"),
    flag("--key-file", required=True),
    flag("--password-file"),
)
def activate(run: Invocation, flags: argparse.Namespace) -> None:
    try:
        key = json.loads(read_text(flags.key_file))
        account = key["client_email"]
    except (ValueError, KeyError, TypeError):
        raise Failure(f"[{flags.key_file}] is no key of a service account.") from None
    accounts.remember_account(run.configuration.folder, key)
    run.configuration.set("core/account", account)
    run.say(f"Activated service account credentials for: [{account}]")


@command("auth revoke", flag("ACCOUNTS", nargs="*"), flag("--all", action="store_true"))
def revoke(run: Invocation, _: argparse.Namespace) -> None:
    run.say("The accounts of an offline cloud stay: the stand-in of gcloud has revoked none.")
