"""The grantee of a role, as an entity of an ACL and as a member of a policy. Pure.

Entities: https://cloud.google.com/storage/docs/json_api/v1/bucketAccessControls#resource. Members:
https://cloud.google.com/iam/docs/principal-identifiers. Each entity corresponds to exactly one member, so that an ACL
and a policy can be two views of the same grants.
"""

import re
from dataclasses import dataclass

from cloud.engine.project.members import DOMAIN, EMAIL, EVERYBODY, SERVICE
from cloud.engine.storage.policy import check_entity
from cloud.errors import InvalidArgument

_GONE = re.compile(r"deleted:serviceAccount:[^\s?]+\?uid=\d+")
_TEAMS = {"projectOwner": "owners", "projectEditor": "editors", "projectViewer": "viewers"}


@dataclass(frozen=True, slots=True)
class Members:
    """Converts between entities and members. Policies name a project by id, ACLs by number.

    Args:
        project: its id.
    """

    project: str
    project_number: int

    def entity(self, member: str) -> str:
        """The entity of ``member``.

        Raises:
            InvalidArgument: it is malformed, or its kind is not emulated.
        """
        kind, _, name = member.partition(":")
        if member in EVERYBODY:
            return member
        if kind in ("user", "serviceAccount", "group") and EMAIL.fullmatch(name):
            is_service = name.lower().endswith(SERVICE)
            if is_service != (kind == "serviceAccount"):
                right = "serviceAccount" if is_service else "user"
                raise _invalid(member, f'The account is of type "{right}": name it "{right}:{name}"')
            return check_entity(f"{'group' if kind == 'group' else 'user'}-{name}")
        if kind == "domain" and DOMAIN.fullmatch(name):
            return f"domain-{name}"
        if kind in _TEAMS and name:
            if name == self.project:
                return f"project-{_TEAMS[kind]}-{self.project_number}"
            if name.isdecimal():
                return f"project-{_TEAMS[kind]}-{name}"
            raise _invalid(member, f"there is no project but {self.project!r} here")
        if _GONE.fullmatch(member):
            return f"{kind}-{name}"
        if kind in ("principal", "principalSet", "deleted"):
            raise _invalid(member, "federated identities, and deleted users and groups, are not emulated")
        raise _invalid(
            member,
            "use allUsers, allAuthenticatedUsers, user:EMAIL, serviceAccount:EMAIL, group:EMAIL, domain:DOMAIN or "
            "projectOwner|projectEditor|projectViewer:PROJECT",
        )

    def member(self, entity: str) -> str:
        """The member of ``entity``."""
        kind, _, name = entity.partition("-")
        if kind == "project":
            team, _, number = name.partition("-")
            role = next(role for role, known in _TEAMS.items() if known == team)
            return f"{role}:{self.project if number == str(self.project_number) else number}"
        if kind == "user":
            return f"{'serviceAccount' if name.lower().endswith(SERVICE) else 'user'}:{name}"
        return f"{kind}:{name}" if name else entity


def _invalid(member: str, hint: str) -> InvalidArgument:
    return InvalidArgument(f"Invalid argument: member {member[:200]!r}: {hint}", field="policy.bindings.members")
