"""Methods of ``storage.v1`` that are not emulated, and why: they are answered 501 with their name."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Refused:
    resource: str
    """``folders`` of ``storage.folders.get``."""
    reason: str
    methods: tuple[tuple[str, str, str], ...]
    """Name, verb, and path after ``/storage/v1/``, with what stands in braces left out."""


REFUSED = (
    Refused(
        "anywhereCaches",
        "a cache of Google's network: there is none here",
        (
            ("disable", "POST", "b/{}/anywhereCaches/{}/disable"),
            ("get", "GET", "b/{}/anywhereCaches/{}"),
            ("insert", "POST", "b/{}/anywhereCaches"),
            ("list", "GET", "b/{}/anywhereCaches"),
            ("pause", "POST", "b/{}/anywhereCaches/{}/pause"),
            ("resume", "POST", "b/{}/anywhereCaches/{}/resume"),
            ("update", "PATCH", "b/{}/anywhereCaches/{}"),
        ),
    ),
    Refused(
        "buckets",
        "neither retention, relocation nor soft deletion is emulated",
        (
            ("lockRetentionPolicy", "POST", "b/{}/lockRetentionPolicy"),
            ("relocate", "POST", "b/{}/relocate"),
            ("restore", "POST", "b/{}/restore"),
        ),
    ),
    Refused(
        "folders",
        "folders are resources only in buckets with a hierarchical namespace, which are not emulated",
        (
            ("delete", "DELETE", "b/{}/folders/{}"),
            ("deleteRecursive", "POST", "b/{}/folders/{}/deleteRecursive"),
            ("get", "GET", "b/{}/folders/{}"),
            ("insert", "POST", "b/{}/folders"),
            ("list", "GET", "b/{}/folders"),
            ("rename", "POST", "b/{}/folders/{}/renameTo/folders/{}"),
        ),
    ),
    Refused(
        "managedFolders",
        "access is decided by bucket and by object only",
        (
            ("delete", "DELETE", "b/{}/managedFolders/{}"),
            ("get", "GET", "b/{}/managedFolders/{}"),
            ("getIamPolicy", "GET", "b/{}/managedFolders/{}/iam"),
            ("insert", "POST", "b/{}/managedFolders"),
            ("setIamPolicy", "PUT", "b/{}/managedFolders/{}/iam"),
            ("testIamPermissions", "GET", "b/{}/managedFolders/{}/iam/testPermissions"),
            ("update", "PATCH", "b/{}/managedFolders/{}"),
        ),
    ),
    Refused(
        "notifications",
        "there is no Pub/Sub to notify",
        (
            ("delete", "DELETE", "b/{}/notificationConfigs/{}"),
            ("get", "GET", "b/{}/notificationConfigs/{}"),
            ("insert", "POST", "b/{}/notificationConfigs"),
            ("list", "GET", "b/{}/notificationConfigs"),
        ),
    ),
    Refused(
        "objects",
        "nothing is soft-deleted, and objects have no contexts",
        (
            ("bulkRestore", "POST", "b/{}/o/bulkRestore"),
            ("restore", "POST", "b/{}/o/{}/restore"),
            ("viewFullContext", "GET", "b/{}/o/{}/viewFullContext"),
        ),
    ),
    Refused(
        "buckets.operations",
        "no method here starts an operation",
        (
            ("advanceRelocateBucket", "POST", "b/{}/operations/{}/advanceRelocateBucket"),
            ("cancel", "POST", "b/{}/operations/{}/cancel"),
            ("get", "GET", "b/{}/operations/{}"),
            ("list", "GET", "b/{}/operations"),
        ),
    ),
    Refused(
        "projects.hmacKeys",
        "requests are signed in by OAuth tokens only",
        (
            ("create", "POST", "projects/{}/hmacKeys"),
            ("delete", "DELETE", "projects/{}/hmacKeys/{}"),
            ("get", "GET", "projects/{}/hmacKeys/{}"),
            ("list", "GET", "projects/{}/hmacKeys"),
            ("update", "PUT", "projects/{}/hmacKeys/{}"),
        ),
    ),
    Refused(
        "rapidCaches",
        "a cache of Google's network: there is none here",
        (
            ("disable", "POST", "b/{}/rapidCaches/{}/disable"),
            ("get", "GET", "b/{}/rapidCaches/{}"),
            ("insert", "POST", "b/{}/rapidCaches"),
            ("list", "GET", "b/{}/rapidCaches"),
            ("update", "PATCH", "b/{}/rapidCaches/{}"),
        ),
    ),
)
