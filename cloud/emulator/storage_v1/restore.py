"""What was deleted, restored: ``storage.objects.restore``, ``bulkRestore`` and its operations.

https://cloud.google.com/storage/docs/use-soft-deleted-objects. Many objects are restored before the request is
answered: its operation is done. The latest ones are known until the cloud ends.
"""

import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from cloud.emulator.storage_v1.call import Call
from cloud.emulator.storage_v1.objects import object_answer
from cloud.emulator.storage_v1.times import time_from_json, timestamp
from cloud.engine.storage.globs import Glob
from cloud.engine.storage.keeping import ObjectHeld, RetentionPolicyNotMet
from cloud.engine.storage.preconditions import ALWAYS, ConditionNotMet, Preconditions
from cloud.engine.storage.records import ObjectRecord
from cloud.errors import InvalidArgument, NotFound
from cloud.resources import Json

_METADATA = "type.googleapis.com/google.storage.control.v2.BulkRestoreObjectsMetadata"
_MOST_OPERATIONS = 1000
_EMPTY = "type.googleapis.com/google.protobuf.Empty"


async def restore_object(call: Call) -> Json:
    if call.query.get("restoreToken"):
        raise InvalidArgument(
            "Restore tokens are of buckets with a hierarchical namespace, which are not emulated.", field="restoreToken"
        )
    record = await call.storage.copies.restore(
        call.principal,
        call.path["bucket"],
        call.path["object"],
        call.required_integer("generation"),
        conditions=call.conditions(),
        with_acl=call.flag("copySourceAcl"),
    )
    return object_answer(call, record, full=True)


async def bulk_restore(call: Call) -> Json:
    """Of each name the last version, unless another is live (``allowOverwrite``)."""
    request = await call.json("BulkRestoreObjectsRequest")
    copies, bucket, began = call.storage.copies, call.path["bucket"], datetime.now(UTC)
    conditions = ALWAYS if request.get("allowOverwrite") else Preconditions(generation_match=0)
    restored = skipped = failed = 0
    for record in filter(_Wanted(request), copies.restorable(call.principal, bucket)):
        where, with_acl = (call.principal, bucket, record.name, record.generation), bool(request.get("copySourceAcl"))
        try:
            await copies.restore(*where, conditions=conditions, with_acl=with_acl)
            restored += 1
        except ConditionNotMet:
            skipped += 1
        except (ObjectHeld, RetentionPolicyNotMet, NotFound):  # what it would replace is kept, or it is gone meanwhile
            failed += 1
    progress = {
        "createTime": timestamp(began),
        "endTime": timestamp(datetime.now(UTC)),
        "type": "bulk-restore-objects",
        "progressPercent": 100,
    }
    counts = {"succeededCount": str(restored), "skippedCount": str(skipped), "failedCount": str(failed)}
    name = _operation(bucket, secrets.token_urlsafe(16))
    operation = call.operations[name] = {
        "kind": "storage#operation",
        "name": name,
        "metadata": {"@type": _METADATA, "commonMetadata": progress, **counts},
        "done": True,
        "response": {"@type": _EMPTY},
    }
    if len(call.operations) > _MOST_OPERATIONS:
        del call.operations[next(iter(call.operations))]
    return operation


class _Wanted:
    """Which objects a request for many is about.

    Raises:
        InvalidArgument: a glob or a time is malformed.
    """

    def __init__(self, request: Mapping[str, Any]) -> None:
        self._globs = [Glob(glob) for glob in request.get("matchGlobs") or ()]
        self._times = {
            name: time_from_json(request[name], name)
            for name in ("createdAfterTime", "createdBeforeTime", "softDeletedAfterTime", "softDeletedBeforeTime")
            if request.get(name) is not None
        }

    def __call__(self, record: ObjectRecord) -> bool:
        if self._globs and not any(glob.matches(record.name) for glob in self._globs):
            return False
        for event, moment in (("created", record.create_time), ("softDeleted", record.soft_delete_time)):
            after, before = (self._times.get(f"{event}{side}Time") for side in ("After", "Before"))
            if moment and ((after and moment <= after) or (before and moment >= before)):
                return False
        return True


async def get_operation(call: Call) -> Json:
    """Raises:
    NotFound: there is none of this id, or it is of an earlier run.
    """
    call.storage.buckets.find(call.principal, "storage.buckets.get", call.path["bucket"])
    name = _operation(call.path["bucket"], call.path["operationId"])
    if name not in call.operations:
        raise NotFound(f"No such operation: {name[:300]}")
    return call.operations[name]


async def list_operations(call: Call) -> Json:
    call.storage.buckets.find(call.principal, "storage.buckets.get", call.path["bucket"])
    prefix = _operation(call.path["bucket"], "")
    found = [operation for name, operation in call.operations.items() if name.startswith(prefix)]
    return {"kind": "storage#operations", **({"operations": found} if found else {})}


async def cancel_operation(call: Call) -> None:
    """It is done already: nothing is cancelled."""
    await get_operation(call)


def _operation(bucket: str, operation_id: str) -> str:
    return f"projects/_/buckets/{bucket}/operations/{operation_id}"
