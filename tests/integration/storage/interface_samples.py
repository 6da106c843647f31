"""A request for each field of a resource, made from its schema in the discovery document."""

ACL_ENTRY = {"entity": "allUsers", "role": "READER"}
RULE = {"action": {"type": "Delete"}, "condition": {"age": 3}}


def leaves(schema, before=""):
    """Paths of the fields of a schema; of those in a list, with "[]"."""
    for name, spec in schema.get("properties", {}).items():
        path = f"{before}.{name}" if before else name
        inner = spec
        while inner.get("type") == "array":
            inner, path = inner["items"], f"{path}[]"
        if inner.get("properties"):
            yield from leaves(inner, path)
        else:
            yield path, inner


def sample(path, spec):
    known = {
        "acl[]": ACL_ENTRY | {"entity": "user-a@example.com"},
        "defaultObjectAcl[]": ACL_ENTRY | {"entity": "user-a@example.com"},
        "contexts.custom": {"k": {"value": "v"}},
        "labels": {"k": "v"},
        "metadata": {"k": "v"},
    }
    if path in known:
        return known[path]
    last = path.rpartition(".")[2].removesuffix("[]")
    values = {
        "terminalStorageClass": "ARCHIVE",
        "matchesStorageClass": "STANDARD",
        "storageClass": "NEARLINE",
        "location": "EU",
        "rpo": "DEFAULT",
        "name": "bkt-of-a-field",
        "allowedIpCidrRanges": "10.0.0.0/8",
        "logBucket": "my-logs",
        "publicAccessPrevention": "enforced",
        "restrictionMode": "FullyRestricted",
        "createdBefore": "2026-01-01",
        "customTimeBefore": "2026-01-01",
        "noncurrentTimeBefore": "2026-01-01",
        "customTime": "2026-01-01T00:00:00Z",
        "retainUntilTime": "2036-01-01T00:00:00Z",
        "dataLocations": "US-EAST1",
        "retentionDurationSeconds": "864000",
        "mode": "Disabled" if path.startswith("ipFilter") else "Unlocked",
        "type": "Delete",
    }
    if last in values:
        return values[last]
    by_type = {"boolean": True, "integer": 3, "object": {}, "string": "7" if spec.get("format") == "int64" else "x"}
    return by_type[spec.get("type", "object")]


def nested(path, value):
    """A resource with ``value`` at ``path``, and what a field needs beside it."""
    for name in reversed(path.split(".")):
        depth = name.count("[]")
        for _ in range(depth):
            value = [value]
        value = {name.removesuffix("[]" * depth): value}
    return value


COMPANIONS = {
    "autoclass.terminalStorageClass": {"autoclass": {"enabled": True}},
    "logging.logObjectPrefix": {"logging": {"logBucket": "my-logs"}},
    "customPlacementConfig.dataLocations[]": {"customPlacementConfig": {"dataLocations": ["US-EAST1", "US-WEST1"]}},
    "autoclass.terminalStorageClassUpdateTime": {"autoclass": {"enabled": True}},
    "iamConfiguration.bucketPolicyOnly.lockedTime": {"iamConfiguration": {"bucketPolicyOnly": {"enabled": True}}},
    "iamConfiguration.uniformBucketLevelAccess.lockedTime": {
        "iamConfiguration": {"uniformBucketLevelAccess": {"enabled": True}}
    },
    "retentionPolicy.effectiveTime": {"retentionPolicy": {"retentionPeriod": "60"}},
    "retention.retainUntilTime": {"retention": {"mode": "Unlocked"}},
}


def merged(one, two):
    return {
        name: merged(one[name], two[name])
        if isinstance(one.get(name), dict) and isinstance(two.get(name), dict)
        else two.get(name, one.get(name))
        for name in {**one, **two}
    }


def resource_of(path, value):
    if path.startswith("lifecycle.rule[]."):
        rule = merged(RULE, nested(path.removeprefix("lifecycle.rule[]."), value))
        if path.endswith("action.storageClass"):
            rule["action"]["type"] = "SetStorageClass"
        return {"lifecycle": {"rule": [rule]}}
    if path in COMPANIONS and path.endswith("[]"):
        return COMPANIONS[path]
    resource = merged(COMPANIONS.get(path, {}), nested(path, value))
    for kind in ("googleManaged", "customerManaged", "customerSupplied"):
        where = f"encryption.{kind}EncryptionEnforcementConfig"
        if path == f"{where}.effectiveTime":
            resource = merged(nested(f"{where}.restrictionMode", "FullyRestricted"), resource)
    return resource


def shown(answer, path):
    """Whether an answer has the field."""
    for name in path.replace("[]", "").split("."):
        if isinstance(answer, list):
            answer = answer[0] if answer else {}
        if name not in answer:
            return False
        answer = answer[name]
    return True
