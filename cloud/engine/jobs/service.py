"""The methods of jobs: submit, get, list, cancel, logs, wait. It schedules and records; their runs do the work."""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from weakref import WeakValueDictionary

from cloud.engine.jobs import folders, gpus
from cloud.engine.jobs.kinds import JobKinds, Part, Run, RunContext
from cloud.engine.jobs.logs import JobLog
from cloud.engine.jobs.records import JobRecords
from cloud.engine.jobs.scheduler import Demand, plan
from cloud.engine.jobs.slots import JobSlots
from cloud.engine.notifier import Changes
from cloud.errors import DeadlineExceeded, FailedPrecondition
from cloud.lifecycle import JobEvent, JobState, next_job_event, next_job_state
from cloud.resources import Job, JobSpec, Service
from cloud.resources.log_entries import WHOLE_LOG, LogEntry, LogRange, Severity

_SERVICE_STOPPED = "The service was stopped while the job was running."
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
        slots: say how many run at a time, a trial counting as one; the others wait QUEUED.
    """

    def __init__(self, *, state_dir: Path, work_dir: Path, kinds: JobKinds, slots: JobSlots) -> None:
        self._records = JobRecords(state_dir / "jobs.sqlite")
        self._log_dir = state_dir / "logs"
        self._log_dir.mkdir(exist_ok=True)
        self._work_dir = work_dir
        self._kinds = kinds
        self._slots = slots
        self._places: dict[str, int] = {}
        """Of jobs that wait for those of other clouds, as was last said in their logs."""
        self.changes = Changes()
        """Of jobs and their trials."""
        self._logs = WeakValueDictionary[str, JobLog]()
        """The only ``JobLog`` of each job that an execution writes, a caller follows, or ``_recently_used`` holds."""
        self._recently_used = deque[JobLog](maxlen=_KEPT_LOGS)
        self._runs: dict[str, Run] = {}
        """Of the jobs that were started and are not finished."""
        self._running: dict[str, dict[Part, asyncio.Task[None]]] = {}
        """The parts of each job that hold a slot."""
        self._closing = False

    async def start(self) -> None:
        """Continue after an earlier process: queued jobs stay queued; others lost their processes, and end unless their
        kind resumes them."""
        await self._slots.start(self._on_slots)
        await asyncio.to_thread(folders.remove_leftovers, self._work_dir)
        for job in self._records.unfinished():
            if job.state is JobState.CANCELLING:
                self._record(job.job_id, JobEvent.STOPPED, job.error_message)
            elif job.state is not JobState.QUEUED and self._kinds.of(job.spec).resumes:
                run = self._begin(job)
                self._update_job(job, run.states(), run.message)
                if self._records.get(job.job_id).state.is_final:
                    del self._runs[job.job_id]
            elif job.state is not JobState.QUEUED:
                self._record(job.job_id, JobEvent.FAILED, _SERVICE_STOPPED)
        self._schedule()

    async def close(self) -> None:
        """End all that runs. Jobs that cannot be resumed become FAILED; queued ones stay queued for the next start."""
        self._closing = True
        for parts in self._running.values():
            for part in parts:
                part.cancel()
        await asyncio.gather(*(task for parts in self._running.values() for task in parts.values()))
        await self._slots.close()
        self._kinds.close()
        self._records.close()

    def submit(self, spec: JobSpec) -> Job:
        """Accept a job.

        Raises:
            CloudError: its kind does not accept it.
            ResourceExhausted: the disk is full.
            AlreadyExists: the id was used before.
        """
        self._kinds.of(spec).check(spec)
        job = self._records.add(Job(spec=spec, state=JobState.QUEUED, create_time=datetime.now(UTC)))
        for message in (
            "Validating job requirements...",
            "Job creation request has been successfully validated.",
            f"Job {spec.job_id} is queued.",
        ):
            self._append(spec.job_id, message)
        for message in gpus.notices(spec):
            self._append(spec.job_id, message, Severity.WARNING)
        self.changes.notify()
        self._schedule()
        return job

    def get(self, job_id: str) -> Job:
        return self._complete(self._records.get(job_id))

    def list(
        self,
        *,
        states: Collection[JobState] | None = None,
        service: Service | None = None,
        after: str | None = None,
        limit: int | None = None,
    ) -> list[Job]:
        """Newest first; see ``Backend.list_jobs``."""
        jobs = self._records.select(states=states, service=service, after=after, limit=limit)
        return [self._complete(job) for job in jobs]

    def _complete(self, job: Job) -> Job:
        if job.state is JobState.QUEUED and (place := self._places.get(job.job_id)):
            job = replace(job, queue_position=place)
        return self._kinds.of(job.spec).complete(job)

    def cancel(self, job_id: str) -> None:
        job = self._records.get(job_id)
        if job.state.is_final:
            raise FailedPrecondition(f"job {job_id!r} is finished: {job.state.value}", field="job.job_id")
        if job.state is JobState.CANCELLING:
            return
        message, run = "The job was cancelled by the user.", self._runs.get(job_id)
        if run is not None:
            run.cancel()
        parts = self._running.get(job_id, {})
        for part in parts:
            if not part.state.is_final:
                part.state = next_job_state(part.state, JobEvent.CANCEL_REQUESTED)
                part.cancel()
        job = self._record(job_id, JobEvent.CANCEL_REQUESTED, message)
        if not parts:
            self._append(job_id, "Job cancelled.")
            self._update_job(job, (), message)
            self._runs.pop(job_id, None)
            self._schedule()

    async def follow_logs(self, job_id: str, after: int = -1) -> AsyncIterator[LogEntry]:
        """See ``Backend.follow_logs``.

        Args:
            after: the place of an entry; only those that arrived later.
        """
        self._records.get(job_id)
        async for entry in self._log(job_id).follow(lambda: self._records.get(job_id).state.is_final, after):
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
                    changed, job = self.changes.next(), self._records.get(job_id)
                    if job.state.is_final:
                        return self._complete(job)
                    await changed.wait()
        except TimeoutError:
            state = self._records.get(job_id).state.value
            raise DeadlineExceeded(f"job {job_id!r} is still {state} after {timeout:g} seconds") from None

    def _schedule(self) -> None:
        if self._closing:
            return
        while started := self._plan():
            for job_id in started:
                self._start_part(job_id)
        self._tell_places()

    def _plan(self) -> Sequence[str]:
        """The parts that may start now, as the ids of their jobs."""
        demands = self._demands()
        running = {job_id: len(parts) for job_id, parts in self._running.items()}
        self._slots.request(sum(running.values()) + sum(demand.parts for demand in demands))
        return plan(demands, running, self._slots.granted)

    def _demands(self) -> Sequence[Demand]:
        """What could run. A job that was not started yet has one part, as far as is known."""
        begun = [Demand(job_id, waiting) for job_id, run in self._runs.items() if (waiting := run.waiting())]
        return [*begun, *(Demand(job_id) for job_id in self._records.first_queued(self._slots.most))]

    def _on_slots(self) -> None:
        self._schedule()
        self.changes.notify()

    def _tell_places(self) -> None:
        """Write to the log of each job that waits how its place among those of all clouds changed."""
        places = self._slots.places
        if places is None:
            self._places = {}
            return
        earlier, self._places, next_ = self._places, {}, 0
        for demand in self._demands():
            if next_ >= len(places.places):
                break
            place = self._places[demand.job_id] = places.places[next_]
            next_ += demand.parts
            if earlier.get(demand.job_id) != place:
                self._append(demand.job_id, f"Place {place} of {places.waiting} in the class's queue.")

    def _begin(self, job: Job) -> Run:
        context = RunContext(
            folder=self._work_dir / job.job_id,
            log=self._log(job.job_id),
            report=partial(self._on_event, job.job_id),
            create_time=job.create_time,
            changed=self.changes.notify,
        )
        run = self._runs[job.job_id] = self._kinds.of(job.spec).run(job.spec, context)
        return run

    def _start_part(self, job_id: str) -> None:
        job = self._records.get(job_id)
        run = self._runs.get(job_id) or self._begin(job)
        part = run.start()
        part.state = next_job_state(part.state, JobEvent.SCHEDULED)
        self._update_job(job, run.states())
        if job.state is JobState.QUEUED:
            self._append(job_id, "Waiting for job to be provisioned.")
        task = asyncio.create_task(part.run(), name=f"job {job_id}")
        self._running.setdefault(job_id, {})[part] = task
        task.add_done_callback(lambda _: self._on_end(job_id, part))

    def _on_event(self, job_id: str, part: Part, event: JobEvent, message: str) -> None:
        job, run = self._records.get(job_id), self._runs[job_id]
        if self._closing and event is JobEvent.STOPPED and part.state is not JobState.CANCELLING:
            if self._kinds.of(job.spec).resumes:
                return
            event, message = JobEvent.FAILED, _SERVICE_STOPPED
        part.state = next_job_state(part.state, event)
        run.on_event(part, event, message)
        # Read again: the run may have reported events of other parts meanwhile.
        self._update_job(self._records.get(job_id), run.states(), run.message)
        self.changes.notify()

    def _on_end(self, job_id: str, part: Part) -> None:
        del self._running[job_id][part]
        self._slots.release()
        if not self._running[job_id]:
            del self._running[job_id]
            if self._records.get(job_id).state.is_final:
                del self._runs[job_id]
        self._schedule()

    def _update_job(self, job: Job, parts: Collection[JobState], message: str = "") -> None:
        """Bring the job to the state that follows from its parts' states."""
        while event := next_job_event(job.state, parts):
            job = self._record(job.job_id, event, message or job.error_message)

    def _record(self, job_id: str, event: JobEvent, message: str = "") -> Job:
        job = apply_event(self._records.get(job_id), event, message, datetime.now(UTC))
        self._records.update(job)
        self._log(job_id).wake()
        self.changes.notify()
        return job

    def _append(self, job_id: str, message: str, severity: Severity = Severity.INFO) -> None:
        try:
            self._log(job_id).append(LogEntry(datetime.now(UTC), severity, "service", message))
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
