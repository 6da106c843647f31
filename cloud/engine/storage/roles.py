"""Cloud Storage's roles and their permissions on a bucket and its objects. Pure data.

Roles: https://cloud.google.com/storage/docs/access-control/iam-roles. Those equivalent to the roles of ACLs:
https://cloud.google.com/storage/docs/access-control/iam#acls. Permissions on features that are not emulated (managed
folders, multipart uploads of the XML API, holds, tags) are left out.
"""

from collections.abc import Mapping
from enum import StrEnum


class Role(StrEnum):
    """A role in an ACL."""

    READER = "READER"
    WRITER = "WRITER"
    OWNER = "OWNER"


BUCKET_VERBS = ("create", "delete", "get", "getIamPolicy", "list", "setIamPolicy", "update")
OBJECT_VERBS = BUCKET_VERBS


def _on(kind: str, *verbs: str) -> frozenset[str]:
    return frozenset(f"storage.{kind}.{verb}" for verb in verbs)


ALL_PERMISSIONS = _on("buckets", *BUCKET_VERBS) | _on("objects", *OBJECT_VERBS)

_BUCKET_READER = _on("buckets", "get") | _on("objects", "list")
_BUCKET_WRITER = _BUCKET_READER | _on("objects", "create", "delete")
_BUCKET_OWNER = _BUCKET_WRITER | _on("buckets", "update", "getIamPolicy", "setIamPolicy")
_OBJECT_READER = _on("objects", "get")
_OBJECT_OWNER = _OBJECT_READER | _on("objects", "update", "getIamPolicy", "setIamPolicy")

ROLE_PERMISSIONS: Mapping[str, frozenset[str]] = {
    "roles/storage.admin": ALL_PERMISSIONS,
    "roles/storage.bucketViewer": _on("buckets", "get", "list"),
    "roles/storage.legacyBucketOwner": _BUCKET_OWNER,
    "roles/storage.legacyBucketReader": _BUCKET_READER,
    "roles/storage.legacyBucketWriter": _BUCKET_WRITER,
    "roles/storage.legacyObjectOwner": _OBJECT_OWNER,
    "roles/storage.legacyObjectReader": _OBJECT_READER,
    "roles/storage.objectAdmin": _on("objects", *OBJECT_VERBS),
    "roles/storage.objectCreator": _on("objects", "create"),
    "roles/storage.objectUser": _on("objects", "create", "delete", "get", "list", "update"),
    "roles/storage.objectViewer": _on("objects", "get", "list"),
}
"""The roles that a bucket's policy can grant, with their permissions."""

SERVICE_AGENT_ROLE = "roles/storage.admin"
"""What AI Platform's service agent may do with the buckets of its project: its role there, ``roles/ml.serviceAgent``,
includes Cloud Storage's administration (https://cloud.google.com/iam/docs/service-agents), so that only buckets of
other projects need a grant (https://cloud.google.com/ai-platform/training/docs/working-with-cloud-storage)."""

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
