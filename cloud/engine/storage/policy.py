"""Access control of Cloud Storage: ACLs, IAM policies, and the decision whether a request is allowed. Pure.

https://cloud.google.com/storage/docs/access-control: a request is allowed by the bucket's policy, the bucket's ACL or
(for an object) the object's ACL. With uniform bucket-level access the ACLs of objects have no effect.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NoReturn

from cloud.engine.principal import Principal
from cloud.engine.project.access import ProjectAccess
from cloud.engine.storage.errors import AnonymousRefused
from cloud.engine.storage.roles import BUCKET_ROLES, OBJECT_ROLES, ROLE_PERMISSIONS, Role
from cloud.errors import FailedPrecondition, InvalidArgument, PermissionDenied

Acl = Mapping[str, Role]
"""One role for each entity: ``user-EMAIL``, ``project-owners-NUMBER``, ``allUsers``, …"""

Bindings = Mapping[str, tuple[str, ...]]
"""The entities of each role in a policy."""


@dataclass(frozen=True, slots=True)
class BucketAccess:
    """The settings that control access to a bucket and its objects."""

    acl: Acl = field(default_factory=dict)
    bindings: Bindings = field(default_factory=dict)
    """The policy without the legacy bucket roles, which are in ``acl``."""
    is_uniform: bool = False
    """ACLs of objects have no effect."""
    is_never_public: bool = False
    """Public access prevention: ``allUsers`` and ``allAuthenticatedUsers`` have no effect."""


class PublicAccessPrevented(FailedPrecondition):
    """A public grant on a bucket with public access prevention."""

    http_status = 412


class AclsDisabled(InvalidArgument):
    """A use of ACLs where uniform bucket-level access disables them."""


_PUBLIC = frozenset({"allUsers", "allAuthenticatedUsers"})
_OF_THE_BUCKET = frozenset({"storage.objects.list"})
_ENTITY = re.compile(r"allUsers|allAuthenticatedUsers|(user|group|domain)-[^\s/]+|project-(owners|editors|viewers)-\w+")


def allowed(
    principal: Principal,
    permission: str,
    bucket: BucketAccess,
    object_acl: Acl | None = None,
    project: ProjectAccess | None = None,
) -> bool:
    """Whether ``principal`` has ``permission`` (``storage.objects.get``) on a bucket, or on the object in it whose ACL
    is given.

    Args:
        project: roles on the whole project, which hold for every bucket of it. None: only its owner has any.
    """
    if principal.is_project_owner:
        return True
    if project and project.allows(principal, permission):
        return True
    teams = project.teams(principal) if project else frozenset[str]()
    return any(
        permission in ROLE_PERMISSIONS[role] and _includes(entity, principal, teams)
        for entity, role in _grants(bucket, object_acl)
        if not (bucket.is_never_public and entity in _PUBLIC)
    )


def _grants(bucket: BucketAccess, object_acl: Acl | None) -> Iterator[tuple[str, str]]:
    for entity, role in bucket.acl.items():
        yield entity, BUCKET_ROLES[role]
    yield from _entries(bucket.bindings)
    if object_acl and not bucket.is_uniform:
        for entity, role in object_acl.items():
            yield entity, OBJECT_ROLES[role]


def _entries(bindings: Bindings) -> Iterator[tuple[str, str]]:
    for name, entities in bindings.items():
        for entity in entities:
            yield entity, name


def refuse(principal: Principal, permission: str, grant: str = "") -> NoReturn:
    """Args:
        grant: the command by which an owner would allow it.

    Raises:
        Unauthenticated: the caller is anonymous.
        PermissionDenied: otherwise; the text is Google's.
    """
    of_object = permission.startswith("storage.objects.") and permission not in _OF_THE_BUCKET
    kind = "object" if of_object else "bucket"
    access = (
        f"does not have {permission} access to the Google Cloud Storage {kind}. "
        f"Permission '{permission}' denied on resource (or it may not exist)."
    )
    if principal.is_anonymous:
        raise AnonymousRefused(f"Anonymous caller {access}")
    mend = f" To allow it: {grant}" if grant else ""
    raise PermissionDenied(f"{principal.email} {access}{mend}", permission=permission, grant=grant)


def _includes(entity: str, principal: Principal, teams: frozenset[str]) -> bool:
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
        or entity in teams
    )


def check_entity(entity: str) -> str:
    """Return ``entity`` if it is valid in an ACL.

    Raises:
        InvalidArgument: it is not.
    """
    if not _ENTITY.fullmatch(entity):
        raise InvalidArgument(f"Invalid entity {entity[:200]!r}: use user-EMAIL, allUsers, ...", field="entity")
    return entity


def check_role(role: str, *, of_object: bool) -> Role:
    """Return the role of this name.

    Raises:
        InvalidArgument: there is none, or it does not apply to objects.
    """
    choice = OBJECT_ROLES if of_object else BUCKET_ROLES
    if role not in Role.__members__ or Role(role) not in choice:
        raise InvalidArgument(f"Invalid role {role[:200]!r}: use {', '.join(choice)}", field="role")
    return Role(role)


def check_not_public(access: BucketAccess, *entities: str) -> None:
    """Raises:
    PublicAccessPrevented: one of ``entities`` is public, and the bucket prevents public access.
    """
    if access.is_never_public and not _PUBLIC.isdisjoint(entities):
        raise PublicAccessPrevented(
            "The member bindings allUsers and allAuthenticatedUsers are not allowed since public access prevention is "
            "enforced."
        )


def with_owner(acl: Acl, owner: str) -> dict[str, Role]:
    """``acl`` with OWNER for ``owner``: an ACL without it is completed, not refused
    (https://cloud.google.com/storage/docs/access-control/lists#bestpractices).

    Args:
        owner: the entity that owns the resource; empty if there is none.
    """
    required = {owner: Role.OWNER} if owner else {}
    return {**required, **acl, **required}


def check_owner_stays(owner: str, entity: str, role: Role | None) -> None:
    """Raises:
    PermissionDenied: ``entity`` is ``owner``, and ``role`` (None: none) is not OWNER.
    """
    if owner and entity.lower() == owner.lower() and role is not Role.OWNER:
        raise PermissionDenied("The owner of the resource is required to have OWNER access.")


def check_acls_enabled(access: BucketAccess, message: str) -> None:
    """Args:
        message: the first sentence of Google's error.

    Raises:
        AclsDisabled: the bucket has uniform bucket-level access.
    """
    if access.is_uniform:
        raise AclsDisabled(f"{message}. Read more at https://cloud.google.com/storage/docs/uniform-bucket-level-access")


CANNOT_GET_OF_BUCKET = "Cannot get legacy ACL for a bucket that has uniform bucket-level access"
CANNOT_CHANGE_OF_BUCKET = "Cannot use ACL API to update bucket policy when uniform bucket-level access is enabled"
CANNOT_GET_OF_OBJECT = "Cannot get legacy ACL for an object when uniform bucket-level access is enabled"
CANNOT_CHANGE_OF_OBJECT = "Cannot update access control for an object when uniform bucket-level access is enabled"
CANNOT_INSERT_OF_OBJECT = "Cannot insert legacy ACL for an object when uniform bucket-level access is enabled"


def predefined_acl(name: str, owner: str, project_number: int, *, of_object: bool) -> dict[str, Role]:
    """A predefined ACL (https://cloud.google.com/storage/docs/access-control/lists#predefined-acl).

    Args:
        owner: the e-mail address of an object's owner; empty if it has none.

    Raises:
        InvalidArgument: no such name.
    """
    entity = f"user-{owner}" if of_object else f"project-owners-{project_number}"
    creator = {entity: Role.OWNER} if owner or not of_object else {}
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
