"""Buckets and objects in the words of ``gcloud storage``, as recorded from Cloud SDK 528."""

import json
from typing import Any

from cloud.stand_ins.sizes import seconds, with_zone

Resource = dict[str, Any]
_ACL = ("email", "entity", "projectTeam", "role")
_WITHOUT_META = ("bucket", "object", "etag", "id", "kind", "selfLink")


def acl_entry(entry: Resource) -> Resource:
    return {name: entry[name] for name in _ACL if name in entry}


def of_bucket(bucket: Resource) -> Resource:
    configuration = bucket.get("iamConfiguration", {})
    found = {
        "acl": [acl_entry(each) for each in bucket.get("acl", ())],
        "creation_time": with_zone(bucket["timeCreated"]),
        "default_acl": [acl_entry(each) for each in bucket.get("defaultObjectAcl", ())],
        "default_event_based_hold": bucket.get("defaultEventBasedHold"),
        "default_storage_class": bucket.get("storageClass"),
        "generation": int(bucket["generation"]),
        "labels": bucket.get("labels"),
        "lifecycle_config": bucket.get("lifecycle"),
        "location": bucket.get("location"),
        "location_type": bucket.get("locationType"),
        "metageneration": int(bucket["metageneration"]),
        "name": bucket["name"],
        "public_access_prevention": configuration.get("publicAccessPrevention", "inherited"),
        "retention_policy": _in_effect(bucket.get("retentionPolicy")),
        "rpo": bucket.get("rpo"),
        "soft_delete_policy": _in_effect(bucket.get("softDeletePolicy")),
        "storage_url": f"gs://{bucket['name']}/",
        "uniform_bucket_level_access": configuration.get("uniformBucketLevelAccess", {}).get("enabled", False),
        "update_time": with_zone(bucket["updated"]),
        "versioning_enabled": bucket.get("versioning", {}).get("enabled"),
    }
    return {name: value for name, value in found.items() if value not in (None, [], {})}


def _in_effect(policy: Resource | None) -> Resource | None:
    return policy and {**policy, "effectiveTime": _python_time(policy["effectiveTime"])}


def of_object(item: Resource) -> Resource:
    found = {
        "acl": [acl_entry(each) for each in item.get("acl", ())],
        "bucket": item["bucket"],
        "cache_control": item.get("cacheControl"),
        "content_encoding": item.get("contentEncoding"),
        "content_type": item.get("contentType"),
        "crc32c_hash": item.get("crc32c"),
        "creation_time": with_zone(item["timeCreated"]),
        "custom_fields": item.get("metadata"),
        "etag": item.get("etag"),
        "generation": item["generation"],
        "md5_hash": item.get("md5Hash"),
        "metageneration": int(item["metageneration"]),
        "name": item["name"],
        "size": int(item["size"]),
        "storage_class": item.get("storageClass"),
        "storage_class_update_time": _optional_time(item, "timeStorageClassUpdated"),
        "storage_url": f"gs://{item['bucket']}/{item['name']}#{item['generation']}",
        "update_time": with_zone(item["updated"]),
    }
    return {name: value for name, value in found.items() if value not in (None, [], {})}


def _optional_time(item: Resource, name: str) -> str | None:
    return with_zone(item[name]) if name in item else None


def listed(item: Resource) -> Resource:
    """An object as ``ls --json`` has it."""
    metadata = dict(sorted(item.items()))
    for name in ("timeCreated", "timeFinalized", "timeStorageClassUpdated", "updated"):
        if name in metadata:
            metadata[name] = _python_time(metadata[name])
    url = f"gs://{item['bucket']}/{item['name']}#{item['generation']}"
    return {"url": url, "type": "cloud_object", "metadata": _sorted(metadata)}


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _sorted(value[name]) for name in sorted(value)}
    return [_sorted(each) for each in value] if isinstance(value, list) else value


def _python_time(timestamp: str) -> str:
    from datetime import datetime

    return datetime.fromisoformat(timestamp).isoformat(timespec="auto")


def full_text(item: Resource) -> str:
    """An object as ``ls --full`` has it."""
    rows = [
        ("Creation Time", seconds(item["timeCreated"])),
        ("Update Time", seconds(item["updated"])),
        ("Storage Class Update Time", seconds(item.get("timeStorageClassUpdated") or item["timeCreated"])),
        ("Storage Class", item.get("storageClass")),
        ("Content-Length", item["size"]),
        ("Content-Type", item.get("contentType")),
        ("Hash (CRC32C)", item.get("crc32c")),
        ("Hash (MD5)", item.get("md5Hash")),
        ("ETag", item.get("etag")),
        ("Generation", item["generation"]),
        ("Metageneration", item["metageneration"]),
    ]
    lines = [f"gs://{item['bucket']}/{item['name']}:"]
    lines += [f"  {name + ':':<29}{value}" for name, value in rows if value is not None]
    if item.get("acl"):
        acl = json.dumps([acl_entry(each) for each in item["acl"]], indent=2, sort_keys=True)
        lines += ["  ACL:", *(f"  {line}" for line in acl.splitlines())]
    return "\n".join(lines)
