"""The members of a policy: https://cloud.google.com/iam/docs/principal-identifiers. Pure."""

import re

from cloud.engine.principal import Principal
from cloud.errors import InvalidArgument

EVERYBODY = frozenset({"allUsers", "allAuthenticatedUsers"})
SERVICE = ".gserviceaccount.com"
"""The end of every service account's address."""
EMAIL = re.compile(r"[^@\s/:]+@[^@\s/:]+\.[^@\s/:]+")
DOMAIN = re.compile(r"[^@\s/:]+\.[^@\s/:]+")
_FEDERATED = re.compile(r"(principal|principalSet)://\S+|deleted:(user|serviceAccount|group):[^\s?]+\?uid=\d+")


def member_of(email: str) -> str:
    """The member that stands for the account ``email``."""
    return f"{'serviceAccount' if email.lower().endswith(SERVICE) else 'user'}:{email}"


def check_member(member: str) -> str:
    """Return ``member`` if it has one of Google's forms. A group's members are not known here: it grants nothing.

    Raises:
        InvalidArgument: it has not.
    """
    kind, _, name = member.partition(":")
    if member in EVERYBODY or _FEDERATED.fullmatch(member):
        return member
    if kind in ("user", "serviceAccount", "group") and EMAIL.fullmatch(name):
        is_service = name.lower().endswith(SERVICE)
        if is_service != (kind == "serviceAccount"):
            right = "serviceAccount" if is_service else "user"
            raise _invalid(
                f'Principal {name[:200]} is of type "{right}". The principal should appear as "{right}:{name[:200]}".'
            )
        return member
    if kind == "domain" and DOMAIN.fullmatch(name):
        return member
    raise _invalid(
        f"The member {member[:200]!r} is of an unknown type. Set a valid type prefix for the member: user:EMAIL, "
        "serviceAccount:EMAIL, group:EMAIL or domain:DOMAIN."
    )


def stands_for(member: str, principal: Principal) -> bool:
    """Whether ``member`` includes ``principal``."""
    if member == "allUsers":
        return True
    if principal.is_anonymous:
        return False
    kind, _, name = member.partition(":")
    email = principal.email.lower()
    return (
        member == "allAuthenticatedUsers"
        or (kind in ("user", "serviceAccount") and name.lower() == email)
        or (kind == "domain" and email.endswith("@" + name.lower()))
    )


def _invalid(message: str) -> InvalidArgument:
    return InvalidArgument(message, field="policy.bindings.members")
