"""``gcloud projects``, over Resource Manager v1 (https://cloud.google.com/resource-manager/reference/rest/v1/projects)."""

import argparse
from typing import Any

from cloud.stand_ins.connection import escape
from cloud.stand_ins.failures import Failure, HttpError
from cloud.stand_ins.gcloud import policies
from cloud.stand_ins.gcloud.commands import command, flag
from cloud.stand_ins.gcloud.global_flags import OF_LISTS
from cloud.stand_ins.gcloud.invocation import Invocation

_HOST = "cloudresourcemanager"
_ID = flag("PROJECT_ID", metavar="PROJECT_ID_OR_NUMBER", nargs="?")


@command("projects list", shows="table(projectId, name, projectNumber)", lists=True)
def list_projects(run: Invocation, _: argparse.Namespace) -> list[Any]:
    found = run.pages(_HOST, "/v1/projects", "projects")
    return sorted(found, key=lambda project: project["projectId"])


@command("projects describe", _ID)
def describe(run: Invocation, flags: argparse.Namespace) -> Any:
    return run.call("GET", _HOST, _path(flags))


@command("projects get-iam-policy", _ID, *OF_LISTS)
def get_policy(run: Invocation, flags: argparse.Namespace) -> Any:
    return _policy(run, flags)


@command("projects add-iam-policy-binding", _ID, *policies.BINDING)
def add_binding(run: Invocation, flags: argparse.Namespace) -> Any:
    policy = policies.with_binding(_policy(run, flags), flags)
    found = _set_policy(run, flags, policy)
    run.say(f"Updated IAM policy for project [{flags.PROJECT_ID}].")
    return found


@command("projects remove-iam-policy-binding", _ID, *policies.BINDING)
def remove_binding(run: Invocation, flags: argparse.Namespace) -> Any:
    policy = policies.without_binding(_policy(run, flags), flags)
    found = _set_policy(run, flags, policy)
    run.say(f"Updated IAM policy for project [{flags.PROJECT_ID}].")
    return found


def _set_policy(run: Invocation, flags: argparse.Namespace, policy: dict[str, Any]) -> Any:
    try:
        return run.call("POST", _HOST, f"{_path(flags)}:setIamPolicy", None, {"policy": policy})
    except HttpError:
        run.say(
            'ERROR: Policy modification failed. For a binding with condition, run "gcloud alpha iam policies '
            'lint-condition" to identify issues in condition.'
        )
        raise


def _policy(run: Invocation, flags: argparse.Namespace) -> Any:
    return run.call("POST", _HOST, f"{_path(flags)}:getIamPolicy", None, {"options": {"requestedPolicyVersion": 3}})


def _path(flags: argparse.Namespace) -> str:
    if not flags.PROJECT_ID:
        raise Failure("argument PROJECT_ID_OR_NUMBER: Must be specified.", status=2)
    return f"/v1/projects/{escape(flags.PROJECT_ID)}"
