"""Google's predefined roles with their permissions on what is emulated. Pure data.

Sources: https://cloud.google.com/iam/docs/roles-permissions (a page for each service), of the service agents
https://cloud.google.com/iam/docs/service-agents, of the basic roles
https://cloud.google.com/storage/docs/access-control/iam-roles#basic-roles-intrinsic and
https://cloud.google.com/iam/docs/roles-overview#basic. In a pattern ``*`` is any text and ``{a,b}`` one of several; a
pattern after ``!`` is taken away from the others.
"""

import functools
import re
from collections.abc import Mapping

from cloud.errors import InvalidArgument

OWNER, EDITOR, VIEWER = "roles/owner", "roles/editor", "roles/viewer"

_READS = (
    "{ml,aiplatform,artifactregistry,cloudbuild,iam,logging,resourcemanager,serviceusage}.*.{get,list}",
    "storage.buckets.list",
)
_ML_VIEWED = ("ml.{jobs,models,versions,operations,locations}.{get,list}", "ml.projects.getConfig")
_VERTEX_VIEWED = ("aiplatform.*.{get,list}", "aiplatform.locations.*")
_REGISTRY_READ = (
    "artifactregistry.{dockerimages,locations,packages,repositories,tags,versions}.{get,list}",
    "artifactregistry.projectsettings.get",
)
_PROJECT_READ = ("resourcemanager.projects.get",)
_OBJECTS = "storage.objects.{create,delete,get,list,restore,update}"
_PARTS = "storage.multipartUploads.{abort,create,list,listParts}"
_SIGNING = "iam.serviceAccounts.{get,getAccessToken,getOpenIdToken,implicitDelegation,list,signBlob,signJwt}"

_ROLES: Mapping[str, tuple[str, ...]] = {
    "roles/storage.objectViewer": ("storage.objects.{get,list}",),
    "roles/storage.objectCreator": ("storage.objects.create", "storage.multipartUploads.{abort,create,listParts}"),
    "roles/storage.objectUser": (_OBJECTS, _PARTS),
    "roles/storage.objectAdmin": ("storage.objects.*", _PARTS),
    "roles/storage.bucketViewer": ("storage.buckets.{get,list}",),
    "roles/storage.legacyObjectReader": ("storage.objects.get",),
    "roles/storage.legacyObjectOwner": (
        "storage.objects.{get,update,getIamPolicy,setIamPolicy,overrideUnlockedRetention,setRetention}",
    ),
    "roles/storage.legacyBucketReader": (
        "storage.buckets.get",
        "storage.objects.list",
        "storage.multipartUploads.list",
    ),
    "roles/storage.legacyBucketWriter": ("storage.buckets.get", "storage.objects.{create,delete,list,restore}", _PARTS),
    "roles/storage.legacyBucketOwner": (
        "storage.buckets.{get,update,getIamPolicy,setIamPolicy}",
        "storage.objects.{create,delete,list,restore}",
        _PARTS,
    ),
    "roles/storage.admin": ("storage.{buckets,objects,multipartUploads}.*",),
    "roles/ml.viewer": (*_ML_VIEWED, *_PROJECT_READ),
    "roles/ml.developer": (
        *_ML_VIEWED,
        "ml.{jobs,models}.create",
        "ml.{models,versions}.predict",
        *_PROJECT_READ,
    ),
    "roles/ml.admin": ("ml.*", *_PROJECT_READ),
    "roles/ml.jobOwner": ("ml.jobs.*", "ml.operations.*"),
    "roles/ml.modelUser": ("ml.models.{get,predict}", "ml.versions.{get,list,predict}"),
    "roles/ml.modelOwner": ("ml.models.*", "ml.versions.*"),
    "roles/ml.operationOwner": ("ml.operations.*",),
    "roles/aiplatform.viewer": (*_VERTEX_VIEWED, *_PROJECT_READ),
    "roles/aiplatform.user": ("aiplatform.*", "!aiplatform.*.setIamPolicy", *_PROJECT_READ),
    "roles/aiplatform.admin": ("aiplatform.*", *_PROJECT_READ),
    "roles/artifactregistry.reader": _REGISTRY_READ,
    "roles/artifactregistry.writer": (*_REGISTRY_READ, "artifactregistry.tags.{create,update}"),
    "roles/artifactregistry.repoAdmin": (
        *_REGISTRY_READ,
        "artifactregistry.{packages,tags,versions}.*",
        "artifactregistry.repositories.deleteArtifacts",
    ),
    "roles/artifactregistry.admin": ("artifactregistry.*",),
    "roles/cloudbuild.builds.viewer": ("cloudbuild.builds.{get,list}", *_PROJECT_READ),
    "roles/cloudbuild.builds.editor": ("cloudbuild.builds.{create,get,list,update}", *_PROJECT_READ),
    "roles/logging.logWriter": ("logging.logEntries.{create,route}",),
    "roles/logging.viewer": (
        "logging.{logEntries,logs,logServices,views}.list",
        "logging.{buckets,views}.get",
        *_PROJECT_READ,
    ),
    "roles/logging.privateLogViewer": (
        "logging.{logEntries,logs,logServices,views,privateLogEntries}.list",
        "logging.{buckets,views}.get",
        *_PROJECT_READ,
    ),
    "roles/logging.admin": ("logging.*", *_PROJECT_READ),
    "roles/iam.serviceAccountUser": ("iam.serviceAccounts.{actAs,get,list}", *_PROJECT_READ),
    "roles/iam.serviceAccountTokenCreator": (_SIGNING,),
    "roles/iam.serviceAccountViewer": (
        "iam.serviceAccounts.{get,getIamPolicy,list}",
        "iam.serviceAccountKeys.{get,list}",
        *_PROJECT_READ,
    ),
    "roles/iam.serviceAccountCreator": ("iam.serviceAccounts.{create,get,list}", *_PROJECT_READ),
    "roles/iam.serviceAccountDeleter": ("iam.serviceAccounts.{delete,get,list}", *_PROJECT_READ),
    "roles/iam.serviceAccountKeyAdmin": (
        "iam.serviceAccountKeys.*",
        "iam.serviceAccounts.{get,list}",
        *_PROJECT_READ,
    ),
    "roles/iam.serviceAccountAdmin": (
        "iam.serviceAccounts.{create,delete,disable,enable,get,getIamPolicy,list,setIamPolicy,undelete,update}",
        *_PROJECT_READ,
    ),
    "roles/serviceusage.serviceUsageConsumer": ("serviceusage.services.{get,list,use}",),
    "roles/serviceusage.serviceUsageViewer": ("serviceusage.services.{get,list}",),
    "roles/serviceusage.serviceUsageAdmin": ("serviceusage.services.*", *_PROJECT_READ),
    "roles/browser": ("resourcemanager.projects.{get,getIamPolicy,list}",),
    "roles/resourcemanager.projectIamAdmin": ("resourcemanager.projects.{get,getIamPolicy,setIamPolicy}",),
    "roles/iam.securityReviewer": ("*.{list,getIamPolicy}", "resourcemanager.projects.get"),
    "roles/iam.securityAdmin": ("*.{list,getIamPolicy,setIamPolicy}", "resourcemanager.projects.get"),
    VIEWER: (*_READS, "resourcemanager.projects.getIamPolicy", "ml.projects.getConfig"),
    EDITOR: (
        "{ml,aiplatform,artifactregistry,cloudbuild,logging,serviceusage}.*",
        "storage.buckets.{create,delete,list}",
        "iam.serviceAccounts.{actAs,create,delete,disable,enable,get,getIamPolicy,list,update}",
        "iam.serviceAccountKeys.*",
        "resourcemanager.projects.{get,getIamPolicy,list,update}",
        "!*.setIamPolicy",
    ),
    OWNER: ("*",),
    "roles/ml.serviceAgent": (
        "storage.{buckets,objects,multipartUploads}.*",
        "logging.logEntries.create",
        _SIGNING,
        "serviceusage.services.use",
        *_PROJECT_READ,
    ),
    "roles/aiplatform.serviceAgent": (
        "aiplatform.*",
        "!aiplatform.*.setIamPolicy",
        "storage.{buckets,objects,multipartUploads}.*",
        "logging.logEntries.create",
        _SIGNING,
        "iam.serviceAccounts.actAs",
        *_PROJECT_READ,
    ),
    "roles/aiplatform.customCodeServiceAgent": (
        "aiplatform.*",
        "!aiplatform.*.setIamPolicy",
        "storage.{buckets,objects,multipartUploads}.*",
        "logging.logEntries.create",
        "logging.{logEntries,logs}.list",
        "serviceusage.services.use",
        *_PROJECT_READ,
    ),
}
"""The roles that grant something here, of each service in the order in which ``role_for`` recommends them; the service
agents' last."""

ROLES = tuple(_ROLES)
"""Their names."""

_FORM = re.compile(r"roles/[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)*")
_CUSTOM = re.compile(r"(projects|organizations)/[^/\s]+/roles/[A-Za-z0-9_.]{3,64}")
_PERMISSION = re.compile(r"[a-z][A-Za-z0-9]*(\.[A-Za-z0-9]+){2}")


@functools.lru_cache(maxsize=4096)
def includes(role: str, permission: str) -> bool:
    """Whether ``role`` has ``permission``; a role that is not known here has none."""
    taken = [pattern.removeprefix("!") for pattern in _ROLES.get(role, ()) if pattern.startswith("!")]
    given = [pattern for pattern in _ROLES.get(role, ()) if not pattern.startswith("!")]
    return _fits(given, permission) and not _fits(taken, permission)


def role_for(permission: str) -> str:
    """The weakest role to grant for ``permission``."""
    return next(role for role in _ROLES if includes(role, permission))


def roles_with(permission: str) -> list[str]:
    """The roles that have ``permission``, the weakest of each service first; not those of service agents."""
    return [role for role in _ROLES if includes(role, permission) and not role.lower().endswith("serviceagent")]


def check_role(role: str) -> str:
    """Return ``role`` if it may be a predefined role of Google's: those that are not known here grant nothing.

    Raises:
        InvalidArgument: it cannot.
    """
    if _CUSTOM.fullmatch(role):
        raise InvalidArgument(
            f"Role ({role[:200]}) does not exist in the resource's hierarchy: custom roles are not emulated, use a "
            "predefined one.",
            field="policy.bindings.role",
        )
    if not _FORM.fullmatch(role):
        raise InvalidArgument(
            f"Role {role[:200]!r} is not supported for this resource: a role is roles/SERVICE.NAME, or roles/owner, "
            "roles/editor, roles/viewer.",
            field="policy.bindings.role",
        )
    return role


def check_permission(permission: str) -> str:
    """Return ``permission`` if it has the form of one.

    Raises:
        InvalidArgument: it has not.
    """
    if not _PERMISSION.fullmatch(permission):
        raise InvalidArgument(f"Permission {permission[:100]} is not valid for this resource.", field="permissions")
    return permission


def _fits(patterns: list[str], permission: str) -> bool:
    return any(_expression(pattern).fullmatch(permission) for pattern in patterns)


@functools.cache
def _expression(pattern: str) -> re.Pattern[str]:
    text = re.escape(pattern).replace(r"\*", ".*")
    return re.compile(re.sub(r"\\\{(.*?)\\\}", lambda found: f"(?:{found[1].replace(',', '|')})", text))
