"""Lifecycle, performed: what is due in buckets, at the start and when it is requested, never by a timer."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from cloud.engine.principal import Principal
from cloud.engine.storage.buckets import Buckets
from cloud.engine.storage.database import Records
from cloud.engine.storage.garbage import Garbage
from cloud.engine.storage.keeping import ObjectHeld, RetentionPolicyNotMet
from cloud.engine.storage.lifecycle import LifecycleAction, LifecycleRule, due_action, is_upload_due
from cloud.engine.storage.multipart_records import MultipartRecords
from cloud.engine.storage.objects import Objects
from cloud.engine.storage.records import BucketRecord, ObjectRecord

_NAMES_AT_ONCE = 500


@dataclass(slots=True)
class LifecycleReport:
    """What was done, in numbers of versions of objects."""

    deleted: int = 0
    changed: int = 0
    """Which have another storage class now."""
    aborted: int = 0
    """Multipart uploads."""
    kept: int = 0
    """Whose deletion was due, but which a hold or a retention keeps."""


class LifecycleRuns:
    def __init__(
        self, records: Records, multipart: MultipartRecords, garbage: Garbage, buckets: Buckets, objects: Objects
    ) -> None:
        self._records = records
        self._multipart = multipart
        self._garbage = garbage
        self._buckets = buckets
        self._objects = objects

    async def run(self, principal: Principal, bucket: str, rules: Sequence[LifecycleRule]) -> LifecycleReport:
        """Perform the rules of a bucket, and forget what can be restored no more.

        Raises:
            NotFound: no such bucket, or it is deleted meanwhile.
            PermissionDenied: ``principal`` may not update the bucket.
        """
        self._buckets.find(principal, "storage.buckets.update", bucket)
        await self.forget_expired()
        report, start = LifecycleReport(), ""
        while names := self._records.names_from(bucket, start, _NAMES_AT_ONCE) if rules else ():
            for name in names:
                self._perform(self._buckets.lookup(bucket), rules, self._records.versions_of(bucket, name), report)
                await asyncio.sleep(0)  # others go on, and may set what is to be kept
            start = f"{names[-1]}\0"
        self._abort_uploads(bucket, rules, report)
        return report

    def _abort_uploads(self, bucket: str, rules: Sequence[LifecycleRule], report: LifecycleReport) -> None:
        now = datetime.now(UTC)
        for upload in list(self._multipart.open_uploads(bucket)):
            if any(is_upload_due(rule, upload.name, upload.create_time, now) for rule in rules):
                for part in self._multipart.delete(upload):
                    self._garbage.clear_pieces(bucket, part.pieces)
                report.aborted += 1

    async def forget_expired(self) -> None:
        """Soft-deleted objects and buckets whose time is over."""
        expired = self._records.soft_deleted_before(datetime.now(UTC))
        self._records.commit(gone=expired)
        for record in expired:
            self._garbage.clear_object(record)
        await self._buckets.forget_expired()

    def _perform(
        self,
        bucket: BucketRecord,
        rules: Sequence[LifecycleRule],
        versions: list[ObjectRecord],
        report: LifecycleReport,
    ) -> None:
        """
        Args:
            versions: of one object, the oldest first.
        """
        now = datetime.now(UTC)
        for newer, record in enumerate(reversed(versions)):
            rule = due_action(rules, record, newer, record.attributes.custom_moment, now)
            if rule is None:
                continue
            if rule.action is LifecycleAction.SET_STORAGE_CLASS:
                attributes = replace(record.attributes, storage_class=rule.storage_class)
                self._records.commit(record.changed(attributes=attributes, storage_class_since=now))
                report.changed += 1
                continue
            try:
                self._objects.retire(bucket, [record], now)
                report.deleted += 1
            except (ObjectHeld, RetentionPolicyNotMet):
                report.kept += 1
