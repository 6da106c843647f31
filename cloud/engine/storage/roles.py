"""The roles of Cloud Storage that buckets and ACLs can grant, and their permissions. Pure data.

Roles: https://cloud.google.com/storage/docs/access-control/iam-roles. Those equivalent to the roles of ACLs:
https://cloud.google.com/storage/docs/access-control/iam#acls. Permissions on features that are not emulated (managed
folders, holds, tags) are left out.
"""

from collections.abc import Mapping
from enum import StrEnum

from cloud.engine.project.roles import includes


class Role(StrEnum):
    """A role in an ACL."""

    READER = "READER"
    WRITER = "WRITER"
    OWNER = "OWNER"


BUCKET_VERBS = ("create", "delete", "get", "getIamPolicy", "list", "setIamPolicy", "update")
OBJECT_VERBS = (*BUCKET_VERBS, "overrideUnlockedRetention", "restore", "setRetention")
MULTIPART_VERBS = ("abort", "create", "list", "listParts")


def _on(kind: str, *verbs: str) -> frozenset[str]:
    return frozenset(f"storage.{kind}.{verb}" for verb in verbs)


ALL_PERMISSIONS = (
    _on("buckets", *BUCKET_VERBS, "restore") | _on("objects", *OBJECT_VERBS) | _on("multipartUploads", *MULTIPART_VERBS)
)

ROLE_PERMISSIONS: Mapping[str, frozenset[str]] = {
    role: frozenset(permission for permission in ALL_PERMISSIONS if includes(role, permission))
    for role in (
        "roles/storage.admin",
        "roles/storage.bucketViewer",
        "roles/storage.legacyBucketOwner",
        "roles/storage.legacyBucketReader",
        "roles/storage.legacyBucketWriter",
        "roles/storage.legacyObjectOwner",
        "roles/storage.legacyObjectReader",
        "roles/storage.objectAdmin",
        "roles/storage.objectCreator",
        "roles/storage.objectUser",
        "roles/storage.objectViewer",
    )
}
"""The roles that a bucket's policy can grant, with their permissions."""

BUCKET_ROLES: Mapping[Role, str] = {
    Role.READER: "roles/storage.legacyBucketReader",
    Role.WRITER: "roles/storage.legacyBucketWriter",
    Role.OWNER: "roles/storage.legacyBucketOwner",
}
"""The roles of a bucket's ACL by their names in its policy. From weak to strong."""

OBJECT_ROLES: Mapping[Role, str] = {
    Role.READER: "roles/storage.legacyObjectReader",
    Role.OWNER: "roles/storage.legacyObjectOwner",
}
"""The same for an object's ACL."""
