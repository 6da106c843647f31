"""``gcloud artifacts repositories``: where images are pushed to."""

import argparse
from typing import Any

from cloud.stand_ins.connection import escape
from cloud.stand_ins.failures import Failure
from cloud.stand_ins.gcloud import operations
from cloud.stand_ins.gcloud.commands import command, flag
from cloud.stand_ins.gcloud.invocation import Invocation

_HOST = "artifactregistry"
_REPOSITORY, _LOCATION = flag("REPOSITORY"), flag("--location")


@command(
    "artifacts repositories create",
    _REPOSITORY,
    _LOCATION,
    flag("--repository-format", required=True),
    flag("--description"),
    flag("--async", action="store_true", dest="is_async"),
    shows="none",
)
def create(run: Invocation, flags: argparse.Namespace) -> None:
    body = {"format": flags.repository_format.upper(), "description": flags.description}
    given = {name: value for name, value in body.items() if value}
    made = run.call("POST", _HOST, _path(run, flags), {"repositoryId": flags.REPOSITORY}, given)
    if not flags.is_async:
        operations.wait(run, _HOST, made)
        run.say(f"Created repository [{flags.REPOSITORY}].")


@command(
    "artifacts repositories list",
    _LOCATION,
    shows="table(name.basename():label=REPOSITORY, format, description)",
    lists=True,
)
def list_repositories(run: Invocation, flags: argparse.Namespace) -> list[Any]:
    return run.pages(_HOST, _path(run, flags), "repositories")


@command("artifacts repositories describe", _REPOSITORY, _LOCATION)
def describe(run: Invocation, flags: argparse.Namespace) -> Any:
    return run.call("GET", _HOST, _path(run, flags, flags.REPOSITORY))


@command("artifacts repositories delete", _REPOSITORY, _LOCATION, flag("--async", action="store_true"), shows="none")
def delete(run: Invocation, flags: argparse.Namespace) -> None:
    run.confirm(f"You are about to delete repository [{flags.REPOSITORY}]")
    operations.wait(run, _HOST, run.call("DELETE", _HOST, _path(run, flags, flags.REPOSITORY)))
    run.say(f"Deleted repository [{flags.REPOSITORY}].")


def _path(run: Invocation, flags: argparse.Namespace, repository: str | None = None) -> str:
    location = flags.location or run.configuration.get("artifacts/location")
    if not location:
        raise Failure("argument --location: Must be specified.", status=2)
    above = f"/v1/projects/{escape(run.project)}/locations/{location}/repositories"
    return f"{above}/{escape(repository)}" if repository else above
