"""What runs for a batch prediction job.

Input files are copied to the job's private folder one at a time, and results are written there, too; they are copied to
the bucket at the end. So no file under a final name is ever half of one, whatever ends the job.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime

from cloud.engine.batch_prediction.instances import Batch
from cloud.engine.batch_prediction.model import opened
from cloud.engine.batch_prediction.pipeline import Pipeline
from cloud.engine.batch_prediction.readers import UnreadableError
from cloud.engine.batch_prediction.sources import Source, source
from cloud.engine.batch_prediction.writers import Output
from cloud.engine.disk import disk_full
from cloud.engine.jobs import folders
from cloud.engine.jobs.kinds import RunContext
from cloud.engine.serving.service import ServingService
from cloud.engine.shortage import shortage
from cloud.errors import CloudError, FailedPrecondition
from cloud.gcs.client import StorageClient
from cloud.gcs.input_files import find_inputs
from cloud.lifecycle import JobEvent, JobState
from cloud.names import GsUri
from cloud.resources import PredictionCounts, Service
from cloud.resources.batch_prediction import BatchPredictionSpec
from cloud.resources.log_entries import LogEntry, Severity

_MAX_PARTIAL_FAILURES = 20


@dataclass(slots=True, eq=False)
class BatchExecution:
    """The only part of a batch prediction job.

    Args:
        storage: Cloud Storage as the account of the job's service.
        save: records the counts of the job when it ends.
    """

    spec: BatchPredictionSpec
    context: RunContext
    storage: StorageClient
    serving: ServingService
    save: Callable[[PredictionCounts], None]
    state: JobState = JobState.QUEUED
    """Set by the service, by the transitions in ``lifecycle``."""
    _cancelled: asyncio.Event = field(default_factory=asyncio.Event)
    _output: Output | None = None
    _partial_failures: list[str] = field(default_factory=list)
    _log_error: OSError | None = None
    _must_end: asyncio.Event = field(default_factory=asyncio.Event)
    """Because its log cannot be written."""

    def cancel(self) -> None:
        """STOPPED is reported once its worker and folders are gone."""
        self._cancelled.set()

    @property
    def counts(self) -> PredictionCounts:
        """Up to now."""
        output = self._output
        return PredictionCounts(
            succeeded=output.rows_succeeded if output else 0,
            failed=output.rows_failed if output else 0,
            output_uri=self._output_uri,
            partial_failures=tuple(self._partial_failures),
        )

    async def run(self) -> None:
        """Return once its folders are gone and its last event is reported. Raises nothing."""
        event, message = await self._perform()
        if event is JobEvent.FAILED and message:
            self._log_message(message, Severity.ERROR)
        closing = {JobEvent.COMPLETED: "Job completed successfully.", JobEvent.FAILED: "Job failed."}
        if event is not JobEvent.STOPPED or self.state is JobState.CANCELLING:  # otherwise it begins again
            self._log_message(
                closing.get(event, "Job cancelled."), Severity.ERROR if event is JobEvent.FAILED else Severity.INFO
            )
        try:
            self.save(self.counts)
        except Exception as error:  # noqa: BLE001 - the disk is full, for example; the job must end nevertheless
            event, message = self._failure(error) if event is JobEvent.COMPLETED else (event, message)
        if self._log_error and event is not JobEvent.STOPPED:
            event, message = JobEvent.FAILED, f"The job's log could not be written: {self._log_error}"
        self.context.report(self, event, message)

    async def _perform(self) -> tuple[JobEvent, str]:
        work = asyncio.create_task(self._work())
        stops = [asyncio.create_task(event.wait()) for event in (self._cancelled, self._must_end)]
        await asyncio.wait([work, *stops], return_when=asyncio.FIRST_COMPLETED)
        if not work.done():
            work.cancel()
        await asyncio.wait([work])
        for stop in stops:
            stop.cancel()
        await asyncio.to_thread(folders.remove, self.context.folder)
        if self._cancelled.is_set():
            return JobEvent.STOPPED, ""
        if work.cancelled():
            return JobEvent.FAILED, ""
        error = work.exception()
        return self._failure(error) if error else (JobEvent.COMPLETED, "")

    def _failure(self, error: BaseException) -> tuple[JobEvent, str]:
        if isinstance(error, CloudError):
            return JobEvent.FAILED, str(error)
        if known := disk_full(error) or shortage(error):
            return JobEvent.FAILED, str(known)
        logging.getLogger(__name__).error("job %s", self.spec.job_id, exc_info=error)
        return JobEvent.FAILED, f"Internal error encountered. ({type(error).__name__}: {error})"

    async def _work(self) -> None:
        spec, folder = self.spec, self.context.folder
        await asyncio.to_thread(folder.mkdir, parents=True)
        async with AsyncExitStack() as until_done:
            inputs = await find_inputs(spec, self.storage.list_objects)
            predictor = await until_done.enter_async_context(
                opened(spec, self.serving, self.storage.download, folder / "model", self._log_message)
            )
            output = Output(folder, spec.output_format, has_instances=spec.service is Service.VERTEX_AI)
            output.open()
            until_done.callback(output.close)
            self._output = output
            self.context.report(self, JobEvent.STARTED, "")
            read = source(spec, await predictor.signatures(), self.storage.read_object)
            pipeline = Pipeline(predictor.predict, output, spec.batch_size)
            for uri in inputs:
                await self._predict(uri, read, pipeline)
            if not output.rows_succeeded and spec.service is Service.VERTEX_AI:
                why = output.most_frequent_error or next(iter(self._partial_failures), "the input has no instance")
                raise FailedPrecondition(f"No instance could be predicted: {why}")
            for file in output.finish():
                await self.storage.upload(file, self._output_uri / file.name)

    async def _predict(self, uri: GsUri, read: Source, pipeline: Pipeline) -> None:
        """Predict for one file.

        Raises:
            FailedPrecondition: it cannot be read, on ML Engine.
        """
        file = self.context.folder / "input"
        await self.storage.download(uri, file)
        try:
            await pipeline.run(self._readable(uri, read(file)))
        finally:
            await asyncio.to_thread(file.unlink)

    async def _readable(self, uri: GsUri, batches: AsyncIterator[Batch]) -> AsyncIterator[Batch]:
        """Those before the place where the file is damaged."""
        try:
            async for batch in batches:
                yield batch
        except UnreadableError as error:
            what = f"Cannot read {uri}: {error}"
            if self.spec.service is Service.ML_ENGINE:
                raise FailedPrecondition(what) from error
            self._log_message(what, Severity.ERROR)
            if len(self._partial_failures) < _MAX_PARTIAL_FAILURES:
                self._partial_failures.append(what)

    @property
    def _output_uri(self) -> GsUri:
        """The folder of the results."""
        return self.spec.results_uri(self.context.create_time)

    def _log_message(self, message: str, severity: Severity = Severity.INFO) -> None:
        try:
            self.context.log.append(LogEntry(datetime.now(UTC), severity, "service", message))
        except OSError as error:
            # As of any job: one whose log has gaps must not succeed.
            self._log_error = error
            self._must_end.set()
