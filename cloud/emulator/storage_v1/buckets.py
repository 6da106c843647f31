"""``storage.buckets.*`` and ``storage.projects.serviceAccount``."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from cloud.emulator.storage_v1 import bucket_rules, features, keeping, messages
from cloud.emulator.storage_v1.bucket_settings import settings_from_json
from cloud.emulator.storage_v1.call import Call
from cloud.emulator.storage_v1.entity_tags import check_tag
from cloud.emulator.storage_v1.times import timestamp
from cloud.engine.storage import policy
from cloud.engine.storage.preconditions import ConditionNotMet
from cloud.engine.storage.records import BucketRecord
from cloud.errors import InvalidArgument, NotFound
from cloud.resources import Json


async def insert(call: Call) -> Json:
    resource = await call.json("Bucket")
    if resource.get("name") is None:
        raise InvalidArgument("Required: the bucket's name", field="name")
    features.check_bucket(resource)
    is_uniform, is_never_public = messages.iam_configuration_from_json(resource.get("iamConfiguration"))
    location, labels = resource.get("location") or "US", messages.text_map(resource.get("labels"), {}, "labels")
    settings = settings_from_json(resource, {}, timestamp(datetime.now(UTC)))
    bucket_rules.check_location(location, settings)
    bucket_rules.check_settings(resource, location.upper(), settings)
    bucket_rules.check_labels(labels)
    bucket = await call.storage.buckets.insert(
        call.principal,
        resource["name"],
        location=location,
        storage_class=messages.storage_class(resource.get("storageClass") or "STANDARD"),
        labels=labels,
        is_uniform=bool(is_uniform),
        is_never_public=bool(is_never_public),
        settings=settings,
        has_object_retention=call.flag("enableObjectRetention"),
        **keeping.bucket_changes(resource, None, datetime.now(UTC)),
        **_acls(call, resource),
    )
    return _answer(call, bucket, full=messages.has_acl(resource))


async def list_buckets(call: Call) -> Json:
    prefix, after = call.query.get("prefix", ""), call.query.get("pageToken", "")
    limit = min(call.integer("maxResults") or 1000, 1000)
    buckets = call.storage.buckets
    found = (buckets.list_deleted if call.flag("softDeleted") else buckets.list_all)(call.principal)
    rest = [bucket for bucket in found if bucket.name.startswith(prefix) and bucket.name > after]
    answer: dict[str, Any] = {"kind": "storage#buckets", "items": [_answer(call, bucket) for bucket in rest[:limit]]}
    if len(rest) > limit:
        answer["nextPageToken"] = rest[limit - 1].name
    return answer


async def get(call: Call) -> Json:
    buckets, name = call.storage.buckets, call.path["bucket"]
    if call.flag("softDeleted"):
        if call.integer("generation") is None:
            raise InvalidArgument("You must specify a generation.", field="generation")
        bucket = buckets.find_deleted(call.principal, name)
    else:
        bucket = buckets.get(call.principal, name, call.conditions())
    _check_generation(call, bucket)
    check_tag(call.request, messages.bucket_tag(bucket))
    return _answer(call, bucket)


async def patch(call: Call) -> Json:
    return _change(call, await call.json("Bucket"))


async def update(call: Call) -> Json:
    """Labels are replaced; other fields that the resource omits are kept."""
    return _change(call, {"labels": {}} | await call.json("Bucket"), keep_labels=False)


def _change(call: Call, resource: dict[str, Any], *, keep_labels: bool = True) -> Json:
    features.check_bucket(resource)
    name = call.path["bucket"]
    current = call.storage.buckets.find(call.principal, "storage.buckets.update", name)
    location = resource.get("location")
    if location is not None and location.upper() != current.location:
        raise InvalidArgument("a bucket's location cannot be changed", field="location")
    placement = (resource.get("customPlacementConfig") or {}).get("dataLocations")
    if placement and sorted(map(str.upper, placement)) != sorted(_placement(current)):
        raise InvalidArgument("a bucket's placement cannot be changed", field="customPlacementConfig")
    if not resource and not _acls(call, resource):
        # Nothing is asked for: nothing is changed, nor its metageneration.
        call.conditions().check(current)
        return _answer(call, current, full=True)
    labels = messages.text_map(resource.get("labels", {}), current.labels if keep_labels else {}, "labels")
    settings = settings_from_json(resource, current.settings, timestamp(datetime.now(UTC)))
    bucket_rules.check_settings(resource, current.location, settings)
    bucket_rules.check_labels(labels)
    changes: dict[str, Any] = {
        "labels": labels,
        "storage_class": messages.storage_class(resource.get("storageClass") or current.storage_class),
        "settings": settings,
        **keeping.bucket_changes(resource, current, datetime.now(UTC)),
        **_acls(call, resource),
    }
    is_uniform, is_never_public = messages.iam_configuration_from_json(resource.get("iamConfiguration"))
    if is_uniform is not None and is_uniform != (current.uniform_since is not None):
        changes["uniform_since"] = datetime.now(UTC) if is_uniform else None
    if is_never_public is not None and is_never_public != current.is_never_public:
        changes["is_never_public"] = is_never_public
    return _answer(call, call.storage.buckets.patch(call.principal, name, changes, call.conditions()), full=True)


def _check_generation(call: Call, bucket: BucketRecord) -> None:
    if call.integer("generation") not in (None, messages.bucket_generation(bucket)):
        raise NotFound("The specified bucket does not exist: it has another generation")


async def restore(call: Call) -> Json:
    """A deleted bucket; the objects that could be restored in it still can."""
    call.required_integer("generation")
    buckets, name = call.storage.buckets, call.path["bucket"]
    return _answer(
        call, buckets.restore(call.principal, name, lambda bucket: _check_generation(call, bucket)), full=True
    )


async def lock_retention_policy(call: Call) -> Json:
    """
    Raises:
        InvalidArgument: there is no policy, or it is locked already.
    """
    call.required_integer("ifMetagenerationMatch")
    name = call.path["bucket"]
    bucket = call.storage.buckets.find(call.principal, "storage.buckets.update", name)
    call.conditions().check(bucket)
    if bucket.retention is None or bucket.retention.is_locked:
        raise InvalidArgument(f"Bucket '{name}' does not have an unlocked retention policy.")
    changes = {"retention": replace(bucket.retention, is_locked=True)}
    return _answer(call, call.storage.buckets.patch(call.principal, name, changes, call.conditions()))


async def delete(call: Call) -> None:
    await call.storage.buckets.delete(call.principal, call.path["bucket"], call.conditions())


async def storage_layout(call: Call) -> Json:
    """The bucket's location, and no hierarchical namespace: TensorFlow requests this before it renames."""
    bucket = call.storage.buckets.find(call.principal, "storage.objects.list", call.path["bucket"])
    return messages.layout_to_json(bucket)


async def managed_folders(call: Call) -> Json:
    """Always empty; ``gcloud storage rm -r`` lists them before it deletes a bucket.

    Raises:
        ConditionNotMet: the bucket's access is not uniform.
    """
    bucket = call.storage.buckets.find(call.principal, "storage.objects.list", call.path["bucket"])
    if bucket.uniform_since is None:
        raise ConditionNotMet("Managed folders require uniform bucket-level access.")
    return {"kind": "storage#managedFolders"}


async def service_account(call: Call) -> Json:
    """The account of Cloud Storage itself, which nothing here uses but clients request."""
    call.storage.guard.require(call.principal, "storage.buckets.list", None)
    email = f"service-{call.storage.project_number}@gs-project-accounts.iam.gserviceaccount.com"
    return {"kind": "storage#serviceAccount", "email_address": email}


def _placement(bucket: BucketRecord) -> list[str]:
    config: Any = bucket.settings.get("customPlacementConfig") or {}
    return list(config.get("dataLocations") or ())


def _acls(call: Call, resource: dict[str, Any]) -> dict[str, Any]:
    """``acl`` and ``default_acl``, as far as they are given."""
    acls = {
        "acl": messages.acl_from_json(resource.get("acl"), of_object=False),
        "default_acl": messages.acl_from_json(resource.get("defaultObjectAcl"), of_object=True),
    }
    number = call.storage.project_number
    if name := call.query.get("predefinedAcl"):
        acls["acl"] = policy.predefined_acl(name, call.principal.email, number, of_object=False)
    if name := call.query.get("predefinedDefaultObjectAcl"):
        # In a default ACL the owner is the creator of each new object, and is added then.
        acls["default_acl"] = policy.predefined_acl(name, "", number, of_object=True)
    return {name: acl for name, acl in acls.items() if acl is not None}


def _answer(call: Call, bucket: BucketRecord, *, full: bool = False) -> Json:
    """
    Args:
        full: the method's default for ``projection``.
    """
    full = call.wants_acls(default=full)
    return messages.bucket_to_json(bucket, call.base_url, call.storage.project_number, full=full)
