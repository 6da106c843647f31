"""An IAM policy: roles, and who has them. Pure.

https://cloud.google.com/iam/docs/policies. A binding with a condition grants nothing here: no condition is evaluated.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence

from cloud.engine.principal import Principal
from cloud.engine.project import identities
from cloud.engine.project.members import EVERYBODY, check_member, member_of, stands_for
from cloud.engine.project.roles import EDITOR, OWNER, check_role, includes
from cloud.errors import InvalidArgument
from cloud.resources import Json

Binding = Mapping[str, Json]
"""Google's: ``role``, ``members``, maybe ``condition``."""

MAX_MEMBERS = 1500
"""Of one policy (https://cloud.google.com/iam/quotas)."""


def grants(bindings: Iterable[Binding], principal: Principal, permission: str) -> bool:
    """Whether ``bindings`` give ``principal`` ``permission``."""
    return any(includes(role, permission) for role in roles_of(bindings, principal))


def roles_of(bindings: Iterable[Binding], principal: Principal) -> set[str]:
    """The roles that ``principal`` has by ``bindings``."""
    return {
        binding.get("role", "")
        for binding in bindings
        if "condition" not in binding and any(stands_for(member, principal) for member in binding.get("members", ()))
    }


def first_bindings(project: str, *, with_agents: bool) -> list[Binding]:
    """Those that Google makes in a new project: the owner's; those of the service agents, and of the Compute Engine
    default service account, only ``with_agents``."""
    given = {OWNER: identities.owner(project)} | (_agents(project) if with_agents else {})
    return normal({"role": role, "members": [member_of(who.email)]} for role, who in given.items())


def with_agents(bindings: Sequence[Binding], project: str, *, wanted: bool) -> list[Binding]:
    """``bindings`` with the roles that Google gives to the agents, or without them."""
    given = {(role, member_of(who.email)) for role, who in _agents(project).items()}
    kept = [
        {**binding, "members": [member for member in binding["members"] if (binding["role"], member) not in given]}
        for binding in bindings
    ]
    added = [{"role": role, "members": [member]} for role, member in given] if wanted else []
    return normal([*kept, *added])


def _agents(project: str) -> dict[str, Principal]:
    return {
        "roles/ml.serviceAgent": identities.ml_service_account(project),
        "roles/aiplatform.serviceAgent": identities.vertex_service_agent(project),
        "roles/aiplatform.customCodeServiceAgent": identities.custom_code_agent(project),
        EDITOR: identities.compute_account(project),
    }


def normal(bindings: Iterable[Binding]) -> list[Binding]:
    """One binding for each role and condition, sorted, as Google answers them."""
    merged: dict[tuple[str, str], dict[str, Json]] = {}
    for binding in bindings:
        condition = binding.get("condition")
        key = binding["role"], repr(condition or "")
        kept = merged.setdefault(key, {**binding, "members": []})
        kept["members"] = sorted({*kept["members"], *binding.get("members", ())})
    return [merged[key] for key in sorted(merged) if merged[key]["members"]]


def version(bindings: Iterable[Binding]) -> int:
    """Of the policy's format: only conditions need one of their own."""
    return 3 if any("condition" in binding for binding in bindings) else 1


def check_bindings(bindings: Iterable[Binding]) -> None:
    """Raises:
    InvalidArgument: a role or a member is not Google's, or there are too many.
    """
    members = 0
    for binding in bindings:
        check_role(binding.get("role", ""))
        for member in binding.get("members", ()):
            check_member(member)
            members += 1
    if members > MAX_MEMBERS:
        raise InvalidArgument(f"A policy has at most {MAX_MEMBERS} members, not {members}.", field="policy.bindings")


def check_of_project(bindings: Sequence[Binding], project: str, account_exists: Callable[[str], bool]) -> None:
    """What a project's policy must be beyond that: descriptions of ``projects.setIamPolicy`` in the discovery document
    ``cloudresourcemanager.v1``.

    Raises:
        InvalidArgument: it is not.
    """
    for binding in bindings:
        for member in binding.get("members", ()):
            if member in EVERYBODY:
                raise InvalidArgument(
                    f"A project's policy cannot have {member} as a member: grant the role on a bucket or a model.",
                    field="policy.bindings.members",
                )
            kind, _, email = member.partition(":")
            if kind == "serviceAccount" and not account_exists(email):
                raise InvalidArgument(f"Service account {email[:200]} does not exist.", field="policy.bindings.members")
    owner = identities.owner(project)
    if OWNER not in roles_of(bindings, owner):
        raise InvalidArgument(
            f"SOLO_REQUIRE_TOS_ACCEPTOR: {member_of(owner.email)} must keep {OWNER}: a project's policy has at least "
            "one owner who has accepted the Terms of Service.",
            field="policy.bindings",
        )
