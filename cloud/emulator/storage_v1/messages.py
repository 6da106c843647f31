"""Cloud Storage's JSON to and from records. Schemas: discovery document ``storage.v1``."""

import base64
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from cloud.emulator.storage_v1 import custom_time, features, keeping
from cloud.emulator.storage_v1.bucket_rules import location_type
from cloud.emulator.storage_v1.times import timestamp
from cloud.engine.storage import policy
from cloud.engine.storage.acls import AclTarget
from cloud.engine.storage.policy import Acl
from cloud.engine.storage.records import Attributes, BucketRecord, ObjectRecord
from cloud.engine.storage.roles import Role
from cloud.errors import InvalidArgument
from cloud.resources import Json

ATTRIBUTES = {
    "contentType": ("content_type", "Content-Type"),
    "contentEncoding": ("content_encoding", "Content-Encoding"),
    "contentDisposition": ("content_disposition", "Content-Disposition"),
    "contentLanguage": ("content_language", "Content-Language"),
    "cacheControl": ("cache_control", "Cache-Control"),
    "customTime": ("custom_time", "X-Goog-Custom-Time"),
    "storageClass": ("storage_class", "X-Goog-Storage-Class"),
}
"""Field of ``Attributes`` and header in the XML API, by name in the JSON API."""
NO_HEADER = re.compile(r"[\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]")
"""Characters that a header cannot hold: control characters, and bytes that were not UTF-8."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NO_TEXT = re.compile(r"[\ud800-\udfff]")
_STORAGE_CLASSES = frozenset(
    {"STANDARD", "NEARLINE", "COLDLINE", "ARCHIVE", "MULTI_REGIONAL", "REGIONAL", "DURABLE_REDUCED_AVAILABILITY"}
)
"""https://cloud.google.com/storage/docs/storage-classes, with the legacy ones."""
_UNIFORM_REVERSIBLE = timedelta(days=90)
"""How long uniform access can be disabled again (https://cloud.google.com/storage/docs/uniform-bucket-level-access)."""


def layout_to_json(bucket: BucketRecord) -> Json:
    return {
        "kind": "storage#storageLayout",
        "bucket": bucket.name,
        "location": bucket.location,
        "locationType": location_type(bucket.location, bucket.settings),
    }


def bucket_to_json(bucket: BucketRecord, base_url: str, project_number: int, *, full: bool) -> Json:
    answer: dict[str, Any] = {
        "kind": "storage#bucket",
        "id": bucket.name,
        "selfLink": f"{base_url}/storage/v1/b/{bucket.name}",
        "projectNumber": str(project_number),
        "name": bucket.name,
        "timeCreated": timestamp(bucket.create_time),
        "updated": timestamp(bucket.update_time),
        "generation": str(bucket_generation(bucket)),
        "metageneration": str(bucket.metageneration),
        "location": bucket.location,
        "locationType": location_type(bucket.location, bucket.settings),
        "storageClass": bucket.storage_class,
        "etag": bucket_tag(bucket),
        "iamConfiguration": iam_configuration(bucket),
    }
    if bucket.labels:
        answer["labels"] = dict(bucket.labels)
    if answer["locationType"] != "region":
        answer["rpo"] = "DEFAULT"
    answer |= bucket.settings | keeping.bucket_to_json(bucket)
    if full and bucket.uniform_since is None:
        answer["acl"] = acl_items(bucket.acl, AclTarget(bucket.name), base_url)
        answer["defaultObjectAcl"] = acl_items(bucket.default_acl, AclTarget(bucket.name, is_default=True), base_url)
        answer["owner"] = {"entity": f"project-owners-{project_number}"}
    return answer


def bucket_generation(bucket: BucketRecord) -> int:
    """Microseconds since 1970 at its creation."""
    return (bucket.create_time - _EPOCH) // timedelta(microseconds=1)


def bucket_tag(bucket: BucketRecord) -> str:
    return etag(bucket.metageneration)


def object_tag(record: ObjectRecord) -> str:
    """The JSON API's, in resources and, without quotes, in headers."""
    return etag(record.generation, record.metageneration)


def iam_configuration(bucket: BucketRecord) -> Json:
    uniform: dict[str, Any] = {"enabled": bucket.uniform_since is not None}
    if bucket.uniform_since:
        uniform["lockedTime"] = timestamp(bucket.uniform_since + _UNIFORM_REVERSIBLE)
    return {
        # Its former name: https://cloud.google.com/storage/docs/uniform-bucket-level-access.
        "bucketPolicyOnly": uniform,
        "uniformBucketLevelAccess": uniform,
        "publicAccessPrevention": "enforced" if bucket.is_never_public else "inherited",
    }


def iam_configuration_from_json(value: Mapping[str, Any] | None) -> tuple[bool | None, bool | None]:
    """Whether access is uniform, and whether public access is prevented; None where unset.

    Raises:
        InvalidArgument: prevention of public access has an unknown value.
    """
    value, uniform = value or {}, None
    for name in ("bucketPolicyOnly", "uniformBucketLevelAccess"):
        if value.get(name) is not None:
            uniform = bool(value[name].get("enabled"))
    prevention = value.get("publicAccessPrevention")
    if prevention not in (None, "enforced", "inherited", "unspecified"):
        raise InvalidArgument(
            f"enforced or inherited, not {prevention!r}", field="iamConfiguration.publicAccessPrevention"
        )
    return uniform, None if prevention is None else prevention == "enforced"


def object_to_json(record: ObjectRecord, base_url: str, *, full: bool, bucket: BucketRecord | None = None) -> Json:
    """
    Args:
        bucket: the object's, if its policies matter.
    """
    path = f"storage/v1/b/{record.bucket}/o/{quote(record.name, safe='')}"
    answer: dict[str, Any] = {
        "kind": "storage#object",
        "id": f"{record.bucket}/{record.name}/{record.generation}",
        "selfLink": f"{base_url}/{path}",
        "mediaLink": f"{base_url}/download/{path}?generation={record.generation}&alt=media",
        "name": record.name,
        "bucket": record.bucket,
        "generation": str(record.generation),
        "metageneration": str(record.metageneration),
        "size": str(record.size),
        "crc32c": record.crc32c,
        "md5Hash": record.md5,
        "componentCount": record.component_count,
        "etag": object_tag(record),
        "timeCreated": timestamp(record.create_time),
        "updated": timestamp(record.update_time),
        "timeStorageClassUpdated": timestamp(record.storage_class_since or record.create_time),
        "timeFinalized": timestamp(record.create_time),
    }
    answer |= {name: getattr(record.attributes, field) for name, (field, _) in ATTRIBUTES.items()}
    answer["metadata"] = dict(record.attributes.metadata) or None
    answer |= keeping.object_to_json(record, bucket)
    if full:
        answer["acl"] = acl_items(
            record.acl, AclTarget(record.bucket, record.name, generation=record.generation), base_url
        )
        answer["owner"] = {"entity": record.owner_entity} if record.owner else None
    return {name: value for name, value in answer.items() if value is not None}


def acl_item(entity: str, role: Role, target: AclTarget, base_url: str) -> Json:
    path = f"{base_url}/storage/v1/b/{target.bucket}"
    answer = {"kind": "storage#objectAccessControl" if target.of_object else "storage#bucketAccessControl"}
    answer |= {"entity": entity, "role": role.value, "bucket": target.bucket, "etag": etag(entity, role.value)}
    if target.object_name is not None:
        path += f"/o/{quote(target.object_name, safe='')}"
        answer |= {"object": target.object_name, "generation": str(target.generation)}
    if not target.is_default:
        of_object = (target.object_name, str(target.generation)) if target.object_name is not None else ()
        answer["id"] = "/".join((target.bucket, *of_object, entity))
        answer["selfLink"] = f"{path}/acl/{quote(entity, safe='')}"
    kind, _, name = entity.partition("-")
    if kind in ("user", "group") and name:
        answer["email"] = name
    elif kind == "domain":
        answer["domain"] = name
    elif kind == "project":
        team, _, number = name.partition("-")
        return answer | {"projectTeam": {"projectNumber": number, "team": team}}
    return answer


def acl_items(acl: Acl, target: AclTarget, base_url: str) -> list[Json]:
    return [acl_item(entity, role, target, base_url) for entity, role in acl.items()]


def has_acl(resource: Mapping[str, Any]) -> bool:
    """Whether a request's resource specifies access: then the answer shows it, unless ``projection`` says otherwise."""
    return any(resource.get(name) is not None for name in ("acl", "defaultObjectAcl"))


def acl_from_json(items: list[Json] | None, *, of_object: bool) -> dict[str, Role] | None:
    """Roles by entity, from a resource's ``acl``; None if it has none.

    Raises:
        InvalidArgument: an entity or a role is missing or unknown.
    """
    if items is None:
        return None
    return {
        policy.check_entity(str(item.get("entity"))): policy.check_role(str(item.get("role")), of_object=of_object)
        for item in items
    }


def attributes_from_json(resource: Mapping[str, Any]) -> Attributes:
    """The attributes of a new object; fields that are not writable are ignored, as by Google."""
    return Attributes(**attribute_changes(resource, {}))


def attribute_changes(resource: Mapping[str, Any], metadata: Mapping[str, str]) -> dict[str, Any]:
    """The attributes that a patch sets, as fields of ``Attributes``. Null removes; ``metadata`` is merged by key.

    Raises:
        InvalidArgument: a value cannot be sent in a header, or a field is not emulated.
    """
    features.check_object(resource)
    changes: dict[str, Any] = {}
    for name, (field, _) in ATTRIBUTES.items():
        if name in resource:
            value = resource[name]
            if value and NO_HEADER.search(value):
                raise InvalidArgument(f"text without control characters is expected, not {value[:100]!r}", field=name)
            if name == "customTime" and value is not None:
                changes[field] = custom_time.parse(value)
            elif name != "storageClass":
                changes[field] = value
            elif value is not None:  # an object always has one
                changes[field] = storage_class(value)
    if "metadata" in resource:
        changes["metadata"] = text_map(resource["metadata"], metadata, "metadata")
    return changes


def storage_class(name: str) -> str:
    """Raises:
    InvalidArgument: no class has this name.
    """
    if name.upper() not in _STORAGE_CLASSES:
        raise InvalidArgument(f"Invalid value {name[:100]!r}: use STANDARD, NEARLINE, ...", field="storageClass")
    return name.upper()


def text_map(given: Mapping[str, str | None] | None, current: Mapping[str, str], field: str) -> dict[str, str]:
    """``current`` with the keys of ``given`` set or, where null, removed; a null ``given`` removes all.

    Raises:
        InvalidArgument: a header of the XML API is not UTF-8.
    """
    if given is None:
        return {}
    if any(_NO_TEXT.search(text) for item in given.items() for text in item if text):
        raise InvalidArgument("text in UTF-8 is expected", field=field)
    return {name: value for name, value in {**current, **given}.items() if value is not None}


def etag(*parts: object) -> str:
    """Unique for each sequence of parts."""
    return base64.b64encode("/".join(map(str, parts)).encode()).decode()


def version_of(text: str) -> tuple[int, ...]:
    """The numbers that ``etag`` encoded; empty if ``text`` is not such an ETag."""
    try:
        return tuple(map(int, base64.b64decode(text, validate=True).decode("ascii").split("/")))
    except ValueError:
        return ()
