"""Bindings of an IAM policy, of a project or a bucket."""

import argparse
from typing import Any

from cloud.stand_ins.failures import Failure
from cloud.stand_ins.gcloud.commands import flag

BINDING = (
    flag("--member", required=True),
    flag("--role", required=True),
    flag("--condition"),
    flag("--condition-from-file"),
    flag("--all", action="store_true"),
)


def with_binding(policy: dict[str, Any], flags: argparse.Namespace) -> dict[str, Any]:
    _refuse_condition(flags)
    bindings = [dict(each) for each in policy.get("bindings", ())]
    for binding in bindings:
        if binding["role"] == flags.role and "condition" not in binding:
            if flags.member not in binding["members"]:
                binding["members"] = [*binding["members"], flags.member]
            break
    else:
        bindings.append({"role": flags.role, "members": [flags.member]})
    return {**policy, "bindings": bindings}


def without_binding(policy: dict[str, Any], flags: argparse.Namespace) -> dict[str, Any]:
    """Raises:
    Failure: there is no such binding.
    """
    _refuse_condition(flags)
    bindings, found = [], False
    for binding in policy.get("bindings", ()):
        members = list(binding["members"])
        if binding["role"] == flags.role and flags.member in members:
            members.remove(flags.member)
            found = True
        if members:
            bindings.append({**binding, "members": members})
    if not found:
        raise Failure("Policy binding with the specified principal, role, and condition not found!")
    return {**policy, "bindings": bindings}


def _refuse_condition(flags: argparse.Namespace) -> None:
    if flags.condition_from_file or flags.condition not in (None, "None"):
        raise Failure("the stand-in of gcloud adds no bindings with a condition", status=2)
