"""``Runs``: the builds under way: their queue, their states, their end."""

import asyncio
import logging
import shutil
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from cloud.emulator.cloudbuild_v1.addresses import logs_bucket
from cloud.emulator.cloudbuild_v1.execution import BuildFailed, Execution, Means
from cloud.emulator.cloudbuild_v1.logs import BucketCopy, BuildLog, log_uri, object_name
from cloud.emulator.cloudbuild_v1.records import BUILD, UNDER_WAY
from cloud.emulator.cloudbuild_v1.requests import seconds
from cloud.emulator.rest.records import Record, Records
from cloud.emulator.rest.scalars import timestamp
from cloud.engine.disk import disk_full
from cloud.errors import CloudError
from cloud.resources import Json

AT_ONCE = 2
"""Builds; further ones wait."""
_log = logging.getLogger(__name__)
_STOPPED = "The cloud was stopped while the build was under way: submit it again."


class Runs:
    """Use between ``start`` and ``close``.

    Args:
        number: of the project.
        folder: for the logs, which stay, and the files of the builds, which do not.
    """

    def __init__(self, records: Records, means: Means, number: int, folder: Path) -> None:
        self._records, self._means, self._number = records, means, number
        self.logs, self._work = folder / "logs", folder / "work"
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._cancelled: set[str] = set()

    def start(self) -> None:
        """End what an earlier process left unfinished."""
        shutil.rmtree(self._work, ignore_errors=True)
        for folder in (self.logs, self._work):
            folder.mkdir(mode=0o700, exist_ok=True)
        for record in self._records.marked(UNDER_WAY):
            log = self._log_of(record)
            log.write(f"ERROR\nERROR: {_STOPPED}")
            self._end(record.name, "INTERNAL_ERROR", {"statusDetail": _STOPPED})

    async def close(self) -> None:
        """Builds under way are ended as failed by the next start."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def submit(self, record: Record) -> None:
        """Run the build of a record when a slot is free."""
        task = asyncio.create_task(self._see_through(record.name), name=f"build {record.id}")
        self._tasks[record.name] = task
        task.add_done_callback(lambda _: self._forget(record.name, task))

    async def cancel(self, name: str) -> None:
        """Returns when the build is at its end."""
        task = self._tasks.get(name)
        if task is not None:
            self._cancelled.add(name)
            task.cancel()
            await asyncio.wait([task])
            if task.cancelled() and name in self._cancelled:
                self._cancelled.discard(name)
                self._end(name, "CANCELLED", {})  # it had not begun

    def _forget(self, name: str, task: asyncio.Task[None]) -> None:
        self._tasks.pop(name, None)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            _log.error("build %s", name, exc_info=error)
            self._end(name, "INTERNAL_ERROR", {"statusDetail": "Internal error encountered."})

    async def _see_through(self, name: str) -> None:
        record = self._records.get(name)
        build, log = record.fields[BUILD], self._log_of(record)
        try:
            try:
                async with asyncio.timeout(seconds(build["queueTtl"])):
                    await self._slots.acquire()
            except TimeoutError:
                self._end(name, "EXPIRED", {"statusDetail": "The build was queued longer than its queueTtl."})
                return
            try:
                status, fields = await self._run(record, log)
            finally:
                self._slots.release()
            self._end(name, status, fields)
        except asyncio.CancelledError:
            if name not in self._cancelled:
                raise
            self._cancelled.discard(name)
            log.write("CANCELLED\nERROR: context canceled")
            self._end(name, "CANCELLED", {})
            await self._copy_once(record)

    async def _run(self, record: Record, log: BuildLog) -> tuple[str, Mapping[str, Json]]:
        build, name = record.fields[BUILD], record.name
        self._note(name, {"status": "WORKING", "startTime": timestamp(datetime.now(UTC))})
        log.write(f'starting build "{record.id}"\n\n')
        folder = self._work / record.id
        folder.mkdir()
        copy = self._copy_of(record)
        following = asyncio.create_task(copy.follow()) if copy else None
        execution = Execution(self._means, build, folder, log, lambda fields: self._note(name, fields))
        try:
            status, fields = await self._outcome(execution, build, log)
        finally:
            if following:
                following.cancel()
                with suppress(asyncio.CancelledError, CloudError):
                    await following
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
        if copy:
            try:
                await copy.copy()
            except CloudError as error:
                detail = f"the log cannot be written to {build['logsBucket']}: {error.message}"
                return "FAILURE", _failure("LOGGING_FAILURE", detail, detail)
        return status, fields

    async def _outcome(
        self, execution: Execution, build: Mapping[str, Json], log: BuildLog
    ) -> tuple[str, Mapping[str, Json]]:
        limit = asyncio.timeout(seconds(build["timeout"]))
        try:
            async with limit:
                await execution.run()
        except BuildFailed as failed:
            return "FAILURE", _failure(failed.kind, failed.detail, failed.why)
        except TimeoutError:
            if not limit.expired():
                raise
            log.write("TIMEOUT\nERROR: context deadline exceeded")
            return "TIMEOUT", {"statusDetail": f"The build did not end within its timeout of {build['timeout']}."}
        except Exception as error:
            known = disk_full(error)
            if known is None:
                raise
            return "INTERNAL_ERROR", {"statusDetail": known.message}
        return "SUCCESS", {}

    async def _copy_once(self, record: Record) -> None:
        copy = self._copy_of(record)
        if copy:
            with suppress(CloudError):
                await copy.copy()

    def _copy_of(self, record: Record) -> BucketCopy | None:
        bucket = record.fields[BUILD].get("logsBucket", "")
        if bucket in ("", f"gs://{logs_bucket(self._number)}"):
            return None  # clients read those from the folder of the logs
        path = self.logs / object_name(record.id)
        return BucketCopy(self._means.backend, path, log_uri(bucket, record.id))

    def _log_of(self, record: Record) -> BuildLog:
        return BuildLog(self.logs / object_name(record.id))

    def _note(self, name: str, fields: Mapping[str, Json], *, ended: bool = False) -> None:
        record = self._records.get(name)
        build = {**record.fields[BUILD], **fields}
        self._records.change(record, {BUILD: build, **({} if ended else {UNDER_WAY: True})})

    def _end(self, name: str, status: str, fields: Mapping[str, Json]) -> None:
        self._note(name, {"status": status, "finishTime": timestamp(datetime.now(UTC)), **fields}, ended=True)


def _failure(kind: str, detail: str, why: str) -> dict[str, Json]:
    return {"statusDetail": why, "failureInfo": {"type": kind, "detail": detail}}
