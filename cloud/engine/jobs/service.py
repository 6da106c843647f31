"""The methods of jobs: submit, get, list, cancel, logs, wait. It schedules and records; executions do the work."""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from weakref import WeakValueDictionary

from cloud.engine.jobs import folders
from cloud.engine.jobs.execution import Execution, Platform
from cloud.engine.jobs.logs import JobLog
from cloud.engine.jobs.records import JobRecords
from cloud.engine.jobs.replicas import check_count
from cloud.engine.jobs.scheduler import Demand, plan
from cloud.engine.notifier import Changes
from cloud.errors import DeadlineExceeded, FailedPrecondition
from cloud.lifecycle import JobEvent, JobState, next_job_event, next_job_state
from cloud.resources import WHOLE_LOG, Job, JobSpec, LogEntry, LogRange, Service, Severity, as_training

_KEPT_LOGS = 32
"""How many logs stay in memory with their index, though no execution writes and no caller follows them: clients read a
long log page by page."""


def apply_event(job: Job, event: JobEvent, message: str, now: datetime) -> Job:
    """The job after ``event``. Its times are in order, even if the clock was set back.

    Raises:
        FailedPrecondition: the event is not possible in its state.
    """
    state = next_job_state(job.state, event)
    job = replace(job, state=state, error_message=message)
    now = max(now, job.start_time or job.create_time)
    if state is JobState.RUNNING:
        job = replace(job, start_time=now)
    return replace(job, end_time=now) if state.is_final else job


class JobService:
    """The jobs of one project in one state folder.

    Args:
        state_dir: holds records and logs.
        work_dir: holds the private folders of running jobs.
        concurrent_jobs: how many run at a time; the others wait QUEUED.
    """

    def __init__(self, *, state_dir: Path, work_dir: Path, platform: Platform, concurrent_jobs: int) -> None:
        self._records = JobRecords(state_dir / "jobs.sqlite")
        self._log_dir = state_dir / "logs"
        self._log_dir.mkdir(exist_ok=True)
        self._work_dir = work_dir
        self._platform = platform
        self._concurrent_jobs = concurrent_jobs
        self._changes = Changes()
        self._logs = WeakValueDictionary[str, JobLog]()
        """The only ``JobLog`` of each job that an execution writes, a caller follows, or ``_recently_used`` holds."""
        self._recently_used = deque[JobLog](maxlen=_KEPT_LOGS)
        self._running: dict[str, dict[Execution, asyncio.Task[None]]] = {}
        """The executions of each job that hold a slot."""
        self._closing = False

    async def start(self) -> None:
        """Continue after an earlier process: queued jobs stay queued; others lost their processes and end."""
        await asyncio.to_thread(folders.remove_leftovers, self._work_dir)
        for job in self._records.unfinished():
            if job.state is JobState.CANCELLING:
                self._record(job.job_id, JobEvent.STOPPED, job.error_message)
            elif job.state is not JobState.QUEUED:
                self._record(job.job_id, JobEvent.FAILED, "The service was stopped while the job was running.")
        self._schedule()

    async def close(self) -> None:
        """End all executions. Their jobs become FAILED; queued ones stay queued for the next start."""
        self._closing = True
        for executions in self._running.values():
            for execution in executions:
                execution.cancel()
        await asyncio.gather(*(task for executions in self._running.values() for task in executions.values()))
        self._records.close()

    def submit(self, spec: JobSpec) -> Job:
        """Accept a job.

        Raises:
            InvalidArgument: it is not a training job.
            ResourceExhausted: it has too many replicas, or the disk is full.
            AlreadyExists: the id was used before.
        """
        training = as_training(spec)
        check_count(training)
        job = self._records.add(Job(spec=spec, state=JobState.QUEUED, create_time=datetime.now(UTC)))
        for message in (
            "Validating job requirements...",
            "Job creation request has been successfully validated.",
            f"Job {spec.job_id} is queued.",
        ):
            self._append(spec.job_id, message)
        self._schedule()
        return job

    def get(self, job_id: str) -> Job:
        return self._records.get(job_id)

    def list(
        self,
        *,
        states: Collection[JobState] | None = None,
        service: Service | None = None,
        after: str | None = None,
        limit: int | None = None,
    ) -> list[Job]:
        """Newest first; see ``Backend.list_jobs``."""
        return self._records.select(states=states, service=service, after=after, limit=limit)

    def cancel(self, job_id: str) -> None:
        job = self._records.get(job_id)
        if job.state.is_final:
            raise FailedPrecondition(f"job {job_id!r} is finished: {job.state.value}", field="job.job_id")
        if job.state is JobState.CANCELLING:
            return
        message = "The job was cancelled by the user."
        executions = self._running.get(job_id, {})
        for execution in executions:
            if not execution.state.is_final:
                execution.state = next_job_state(execution.state, JobEvent.CANCEL_REQUESTED)
                execution.cancel()
        job = self._record(job_id, JobEvent.CANCEL_REQUESTED, message)
        if not executions:
            self._append(job_id, "Job cancelled.")
            self._update_job(job, (), message)

    async def follow_logs(self, job_id: str) -> AsyncIterator[LogEntry]:
        self._records.get(job_id)
        async for entry in self._log(job_id).follow(lambda: self._records.get(job_id).state.is_final):
            yield entry

    async def read_logs(
        self, job_id: str, part: LogRange = WHOLE_LOG, *, newest_first: bool = False, limit: int | None = None
    ) -> Sequence[LogEntry]:
        """See ``Backend.read_logs``."""
        self._records.get(job_id)
        return await asyncio.to_thread(self._log(job_id).read, part, newest_first=newest_first, limit=limit)

    async def wait(self, job_id: str, timeout: float | None) -> Job:
        try:
            async with asyncio.timeout(timeout):
                while True:
                    changed, job = self._changes.next(), self._records.get(job_id)
                    if job.state.is_final:
                        return job
                    await changed.wait()
        except TimeoutError:
            state = self._records.get(job_id).state.value
            raise DeadlineExceeded(f"job {job_id!r} is still {state} after {timeout:g} seconds") from None

    def _schedule(self) -> None:
        if self._closing:
            return
        # A training job has one execution, so only QUEUED jobs have one left to start.
        waiting = [Demand(job_id) for job_id in self._records.first_queued(self._concurrent_jobs)]
        running = {job_id: len(executions) for job_id, executions in self._running.items()}
        for job_id in plan(waiting, running, self._concurrent_jobs):
            self._start_execution(self._records.get(job_id))

    def _start_execution(self, job: Job) -> None:
        execution = Execution(
            spec=job.training,
            platform=self._platform,
            folder=self._work_dir / job.job_id,
            log=self._log(job.job_id),
            report=self._on_event,
        )
        execution.state = next_job_state(execution.state, JobEvent.SCHEDULED)
        self._update_job(job, [execution.state])
        self._append(job.job_id, "Waiting for job to be provisioned.")
        task = asyncio.create_task(execution.run(), name=f"job {job.job_id}")
        self._running.setdefault(job.job_id, {})[execution] = task
        task.add_done_callback(lambda _: self._on_end(execution))

    def _on_event(self, execution: Execution, event: JobEvent, message: str) -> None:
        if self._closing and event is JobEvent.STOPPED and execution.state is not JobState.CANCELLING:
            event, message = JobEvent.FAILED, "The service was stopped while the job was running."
        execution.state = next_job_state(execution.state, event)
        job = self._records.get(execution.spec.job_id)
        self._update_job(job, [other.state for other in self._running[job.job_id]], message)

    def _on_end(self, execution: Execution) -> None:
        job_id = execution.spec.job_id
        del self._running[job_id][execution]
        if not self._running[job_id]:
            del self._running[job_id]
        self._schedule()

    def _update_job(self, job: Job, executions: Collection[JobState], message: str = "") -> None:
        """Bring the job to the state that follows from its executions' states."""
        while event := next_job_event(job.state, executions):
            job = self._record(job.job_id, event, message or job.error_message)

    def _record(self, job_id: str, event: JobEvent, message: str = "") -> Job:
        job = apply_event(self._records.get(job_id), event, message, datetime.now(UTC))
        self._records.update(job)
        self._log(job_id).wake()
        self._changes.notify()
        return job

    def _append(self, job_id: str, message: str) -> None:
        try:
            self._log(job_id).append(LogEntry(datetime.now(UTC), Severity.INFO, "service", message))
        except OSError as error:
            # The job is not refused: its execution will find that the log cannot be written, and fail with that reason.
            logging.getLogger(__name__).warning("log of job %s: %s", job_id, error)

    def _log(self, job_id: str) -> JobLog:
        log = self._logs.get(job_id)
        if log is None:
            log = self._logs[job_id] = JobLog(self._log_dir / f"{job_id}.jsonl")
        if log not in self._recently_used:
            self._recently_used.append(log)
        return log
