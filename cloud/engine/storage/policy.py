"""Who may do what in Cloud Storage: access control lists, and the decision over them. Pure.

Roles and what they allow: https://cloud.google.com/storage/docs/access-control/lists#permissions and, permission by
permission, https://cloud.google.com/storage/docs/access-control/iam#acls ("relation to IAM roles"). Bucket policies
(IAM) would be one more source of grants beside the lists in ``allowed``.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from cloud.errors import InvalidArgument, PermissionDenied, Unauthenticated


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks: an e-mail address; none for an anonymous caller."""

    email: str
    is_project_owner: bool = False

    @property
    def is_anonymous(self) -> bool:
        return not self.email


ANONYMOUS = Principal("")


class Role(StrEnum):
    READER = "READER"
    WRITER = "WRITER"
    OWNER = "OWNER"


Acl = Mapping[str, Role]
"""Role by entity: ``user-EMAIL``, ``project-owners-NUMBER``, ``allUsers``, …; at most one for each."""

_BUCKET_READER = frozenset({"storage.buckets.get", "storage.objects.list"})
_BUCKET_WRITER = _BUCKET_READER | {"storage.objects.create", "storage.objects.delete"}
_POLICY_OF_BUCKET = {"storage.buckets.update", "storage.buckets.getIamPolicy", "storage.buckets.setIamPolicy"}
BUCKET_PERMISSIONS: Mapping[Role, frozenset[str]] = {
    Role.READER: _BUCKET_READER,
    Role.WRITER: _BUCKET_WRITER,
    Role.OWNER: _BUCKET_WRITER | _POLICY_OF_BUCKET,
}
OBJECT_PERMISSIONS: Mapping[Role, frozenset[str]] = {
    Role.READER: frozenset({"storage.objects.get"}),
    Role.OWNER: frozenset(
        {
            "storage.objects.get",
            "storage.objects.update",
            "storage.objects.getIamPolicy",
            "storage.objects.setIamPolicy",
        }
    ),
}
_OF_THE_BUCKET = frozenset({"storage.objects.list"})
_ENTITY = re.compile(r"allUsers|allAuthenticatedUsers|(user|group|domain)-[^\s/]+|project-(owners|editors|viewers)-\w+")


def allowed(principal: Principal, permission: str, bucket_acl: Acl, object_acl: Acl | None = None) -> bool:
    """Whether ``principal`` has ``permission`` (``storage.objects.get``) through these lists.

    The owners of the project own everything in it.
    """
    if principal.is_project_owner:
        return True
    return any(
        permission in permissions.get(role, ())
        for acl, permissions in ((bucket_acl, BUCKET_PERMISSIONS), (object_acl or {}, OBJECT_PERMISSIONS))
        for entity, role in acl.items()
        if _includes(entity, principal)
    )


def require(principal: Principal, permission: str, bucket_acl: Acl, object_acl: Acl | None = None) -> None:
    """Raises:
    Unauthenticated: an anonymous caller is refused.
    PermissionDenied: another one is; the text is Google's.
    """
    if not allowed(principal, permission, bucket_acl, object_acl):
        refuse(principal, permission)


def refuse(principal: Principal, permission: str) -> None:
    """Raises what ``require`` does."""
    of_object = permission.startswith("storage.objects.") and permission not in _OF_THE_BUCKET
    kind = "object" if of_object else "bucket"
    access = (
        f"does not have {permission} access to the Google Cloud Storage {kind}. "
        f"Permission '{permission}' denied on resource (or it may not exist)."
    )
    if principal.is_anonymous:
        raise Unauthenticated(f"Anonymous caller {access}")
    raise PermissionDenied(f"{principal.email} {access}")


def _includes(entity: str, principal: Principal) -> bool:
    if entity == "allUsers":
        return True
    if principal.is_anonymous:
        return False
    kind, _, name = entity.partition("-")
    email = principal.email.lower()
    return (
        entity == "allAuthenticatedUsers"
        or (kind == "user" and name.lower() == email)
        or (kind == "domain" and email.endswith("@" + name.lower()))
    )


def check_entity(entity: str) -> str:
    """Return ``entity`` if an access control list can name it.

    Raises:
        InvalidArgument: it cannot.
    """
    if not _ENTITY.fullmatch(entity):
        raise InvalidArgument(f"Invalid entity {entity[:200]!r}: use user-EMAIL, allUsers, ...", field="entity")
    return entity


def check_role(role: str, *, of_object: bool) -> Role:
    """Return the role of that name.

    Raises:
        InvalidArgument: there is none, or objects do not have it.
    """
    choice = OBJECT_PERMISSIONS if of_object else BUCKET_PERMISSIONS
    if role not in Role.__members__ or Role(role) not in choice:
        raise InvalidArgument(f"Invalid role {role[:200]!r}: use {', '.join(choice)}", field="role")
    return Role(role)


def predefined_acl(name: str, owner: str, project_number: int, *, of_object: bool) -> dict[str, Role]:
    """The list that a predefined name stands for (https://cloud.google.com/storage/docs/access-control/lists#predefined-acl).

    Args:
        owner: the e-mail address of who creates the resource.

    Raises:
        InvalidArgument: no such name.
    """
    creator = {f"user-{owner}": Role.OWNER} if of_object else {f"project-owners-{project_number}": Role.OWNER}
    team = {
        f"project-owners-{project_number}": Role.OWNER,
        f"project-editors-{project_number}": Role.OWNER,
        f"project-viewers-{project_number}": Role.READER,
    }
    known: dict[str, dict[str, Role]] = {
        "private": creator,
        "projectPrivate": creator | team,
        "publicRead": creator | {"allUsers": Role.READER},
        "authenticatedRead": creator | {"allAuthenticatedUsers": Role.READER},
    }
    if of_object:
        known["bucketOwnerRead"] = creator | {f"project-owners-{project_number}": Role.READER}
        known["bucketOwnerFullControl"] = creator | {f"project-owners-{project_number}": Role.OWNER}
    else:
        known["publicReadWrite"] = creator | {"allUsers": Role.WRITER}
    if name not in known:
        raise InvalidArgument(f"Invalid value {name[:100]!r}: use {', '.join(known)}", field="predefinedAcl")
    return known[name]
