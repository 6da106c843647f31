"""One execution of a job: prepares, runs replicas, logs output. It reports events; others decide states."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from cloud.engine.confinement.confiner import UNCONFINED, Access, Confiner, Programs
from cloud.engine.disk import disk_full
from cloud.engine.jobs import folders, python_2
from cloud.engine.jobs.bounds import Bounds
from cloud.engine.jobs.environ import TrialName, argv
from cloud.engine.jobs.kinds import Report
from cloud.engine.jobs.known_failures import explain_gcs_folder, explain_known_failure
from cloud.engine.jobs.logs import JobLog
from cloud.engine.jobs.missing_modules import explain_missing_module
from cloud.engine.jobs.paths_outside import explain_path_outside
from cloud.engine.jobs.ports import PortAllocator
from cloud.engine.jobs.preemptions import Preemptions
from cloud.engine.jobs.preparation import Preparation, Prepared
from cloud.engine.jobs.refused_requests import RefusedRequests
from cloud.engine.jobs.replica_processes import ReplicaProcesses
from cloud.engine.jobs.replicas import Replica, replicas
from cloud.engine.jobs.restarts import Restarts, supervise
from cloud.engine.jobs.severity import severity_of
from cloud.engine.launch.command import Command
from cloud.engine.launch.confinement import Confinement
from cloud.engine.launch.executor import Executor
from cloud.engine.launch.network import Network
from cloud.engine.launch.output import OutputLine
from cloud.engine.project.identities import job_account
from cloud.engine.runtimes import image_program, python_code
from cloud.engine.runtimes.names import PYTHON
from cloud.engine.runtimes.requirements import Environment
from cloud.engine.shortage import shortage
from cloud.errors import CloudError
from cloud.lifecycle import JobEvent, JobState
from cloud.resources import Service, TrainingSpec
from cloud.resources.log_entries import LogEntry, Severity


@dataclass(frozen=True, slots=True)
class Platform:
    """What all executions of one cloud share."""

    executor: Executor
    preparation: Preparation
    environ: Mapping[str, str]
    project: str
    project_number: int
    grace: float
    """Seconds between SIGTERM and SIGKILL."""
    ports: PortAllocator = field(default_factory=PortAllocator)
    bounds: Bounds = field(default_factory=Bounds)
    preemptions: Preemptions = field(default_factory=Preemptions)
    confiner: Confiner = UNCONFINED
    access: Callable[[str], Awaitable[Access]] | None = None
    """How a job reaches Google's APIs as the account of that e-mail address; None: it does not."""


@dataclass(slots=True, eq=False)
class Execution:
    """What runs for a job: a training job has one.

    It has its own folder, log, replicas and exit, and holds one slot of the scheduler while ``run`` runs.
    ``report`` is called with each event and a message for the job's ``errorMessage``.
    """

    spec: TrainingSpec
    platform: Platform
    folder: Path
    """Private, removed at the end: a replica's disk does not outlive it."""
    log: JobLog
    report: Report
    trial: TrialName | None = None
    """Of which trial of a tuning job."""
    before_removal: Callable[[], Awaitable[None]] | None = None
    """Awaited when no process is left and the folder still exists."""
    state: JobState = JobState.QUEUED
    """Set by the service, by the transitions in ``lifecycle``."""
    _cancelled: asyncio.Event = field(default_factory=asyncio.Event)
    _has_started: bool = False
    _log_error: OSError | None = None
    _is_log_full: bool = False
    _disk_watch: asyncio.Task[None] | None = None
    _bound_met: str = ""
    """How the job meets a bound of the disk."""
    _must_end: asyncio.Event = field(default_factory=asyncio.Event)
    """For one of these reasons."""
    _processes: ReplicaProcesses | None = None
    _access: Access | None = None
    """How its replicas reach Google's APIs."""
    _network: Network | None = None
    """In which all replicas run; None: this machine's."""
    _is_confined: bool = False
    """Whether replicas can open files of their own and of their Python only."""
    _until_ended: AsyncExitStack = field(default_factory=AsyncExitStack)
    """Closed when no replica runs any more."""
    _refused: RefusedRequests = field(init=False)
    _has_gcs: bool = False
    """Whether buckets are in its ``/gcs``."""
    _temporary: Path | None = None
    """The replicas' ``TMPDIR``."""

    def __post_init__(self) -> None:
        self._refused = RefusedRequests(self._log_refusal)

    def cancel(self) -> None:
        """End its processes; STOPPED is reported once they are gone."""
        self._cancelled.set()

    async def run(self) -> None:
        """Return once its processes and folders are gone and its last event is reported. Raises nothing."""
        event, message = await self._perform()
        if event is JobEvent.FAILED and message:
            self._log_message(message.splitlines()[0].rstrip(), Severity.ERROR)
        if self._processes is not None and self._processes.started:
            self._log_message("Finished tearing down training program.")
        closing = {JobEvent.COMPLETED: "Job completed successfully.", JobEvent.FAILED: "Job failed."}
        if not self.trial:  # whose job goes on
            self._log_message(
                closing.get(event, "Job cancelled."), Severity.ERROR if event is JobEvent.FAILED else Severity.INFO
            )
        if self._log_error and event is not JobEvent.STOPPED:
            event, message = JobEvent.FAILED, f"The job's log could not be written: {self._log_error}"
        self.report(self, event, message)

    async def _perform(self) -> tuple[JobEvent, str]:
        work = asyncio.create_task(self._work())
        stops = [asyncio.create_task(event.wait()) for event in (self._cancelled, self._must_end)]
        try:
            await asyncio.wait([work, *stops], return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                work.cancel()
            await asyncio.wait([work])
        finally:
            for task in (*stops, *filter(None, [self._disk_watch])):
                task.cancel()
            await self._clean_up()
        error = None if work.cancelled() else work.exception()
        if self._cancelled.is_set() or work.cancelled():
            return (JobEvent.STOPPED, "") if self._cancelled.is_set() else (JobEvent.FAILED, self._bound_met)
        match error:
            case None:
                return work.result()
            case CloudError():
                return JobEvent.FAILED, str(error)
            case TimeoutError():
                limit = f"The job ran longer than its max running time of {self.spec.max_running_time:g} seconds."
                self.report(self, JobEvent.CANCEL_REQUESTED, limit)
                return JobEvent.STOPPED, limit
            case _ if known := disk_full(error) or shortage(error):
                return JobEvent.FAILED, str(known)
            case _:
                logging.getLogger(__name__).error("job %s", self.spec.job_id, exc_info=error)
                return JobEvent.FAILED, f"Internal error encountered. ({type(error).__name__}: {error})"

    async def _work(self) -> tuple[JobEvent, str]:
        restarts = Restarts(self.spec, replicas(self.spec))
        self._temporary = folders.create(self.folder)
        self._disk_watch = asyncio.create_task(self._watch_disk((self.folder, self._temporary)))
        prepared = await self._prepare()
        access = await self.platform.access(self._account) if self.platform.access else None
        programs = Programs(self.spec.job_id, self._refused.add, self._log_written)
        self._network, self._access = await self._until_ended.enter_async_context(
            self.platform.confiner.job_network(access, programs)
        )
        async with asyncio.timeout(None) as limit:
            for is_last_try in (False, True):
                processes = await self._start(prepared)
                if self._cancelled.is_set():  # during the start: this task is about to be cancelled
                    return JobEvent.STOPPED, ""
                self._report_start()
                if limit.when() is None:
                    limit.reschedule(asyncio.get_running_loop().time() + self.spec.max_running_time)
                failed = await supervise(processes, restarts, self.platform.grace, self._log_message)
                if not failed:
                    return JobEvent.COMPLETED, ""
                if is_last_try:
                    break
                await processes.stop(self.platform.grace)
                if not processes.address_was_taken(failed):
                    break
                self._log_message(
                    "Another program took the address of a replica: all replicas are restarted with new addresses.",
                    Severity.WARNING,
                )
        message = processes.explain(failed)
        pool = failed[0][0].pool_index
        spec, version = self.spec.of_pool(pool), prepared[pool].environment.interpreter.version
        mend: str | None = python_2.explain(message, version) if python_2.is_requested(spec) else None
        if not mend:
            mend = self.platform.bounds.explain(message)
        if not mend and not self._has_gcs:
            mend = explain_gcs_folder(message)
        request = prepared[pool].request
        if not mend:
            mend = explain_known_failure(message, requests_version=request is not None)
        if not mend:
            mend = await asyncio.to_thread(
                explain_missing_module,
                message,
                is_image=bool(spec.image_digest),
                holds_packages=request is None or request.framework != PYTHON,
            )
        if not mend and self._is_confined:
            mend = await asyncio.to_thread(explain_path_outside, message, self._folders)
        if mend:
            self._log_message(mend, Severity.ERROR)
        return JobEvent.FAILED, "\n".join(filter(None, (message, mend)))

    async def _watch_disk(self, watched: tuple[Path, ...]) -> None:
        self._bound_met = await self.platform.bounds.wait_for_disk(watched)
        self._must_end.set()

    async def _prepare(self) -> Mapping[int, Prepared]:
        """The environments of the replicas, by the index of their pool. Pools that differ by arguments share one."""
        self._log_message("Waiting for training program to start.")
        first = {replica.pool_index: replica for replica in reversed(replicas(self.spec))}
        found: dict[int, Prepared] = {}
        for pool, replica in sorted(first.items()):
            needed = _needed(self.spec.of_pool(pool))
            same = next((other for other in found if _needed(self.spec.of_pool(other)) == needed), None)
            found[pool] = await self._prepare_for(replica) if same is None else found[same]
        return found

    async def _prepare_for(self, replica: Replica) -> Prepared:
        """
        Args:
            replica: the first of its pool.
        """
        spec = self.spec.of_pool(replica.pool_index)
        what = f"the image {spec.image}" if spec.image_digest else f"module {spec.python_module}"
        self._log_message(f"Running {what}.", replica=replica)
        return await self.platform.preparation.run(
            spec,
            self.folder / (f"packages-{replica.pool_index}" if replica.pool_index else "packages"),
            account=self._account,
            log=lambda message, severity: self._log_message(message, severity, replica=replica),
            on_output=lambda line: self._on_output(replica, line),
        )

    async def _start(self, prepared: Mapping[int, Prepared]) -> ReplicaProcesses:
        platform = self.platform
        if self._processes is not None:
            self._processes.close()
        # Assigned before the start: if one replica cannot be started, those that were must be stopped.
        self._processes = ReplicaProcesses(
            self.spec, platform.executor, platform.ports, self._on_program_output, platform.bounds.limits()
        )
        await self._processes.start(
            replicas(self.spec),
            project=platform.project,
            project_number=platform.project_number,
            base={
                **platform.environ,
                **(self._access.environ if self._access else {}),
                "TMPDIR": str(self._temporary),
            },
            trial=self.trial,
            folder=self.folder,
            prepared=prepared,
            confine=self._confine,
            on_command=self._on_command,
        )
        return self._processes

    async def _confine(self, environment: Environment, ports: Sequence[int]) -> Confinement | None:
        confinement = await self.platform.confiner.replica(
            environment.interpreter,
            environment.import_path,
            write=self._folders,
            access=self._access,
            network=self._network,
            ports=ports,
            # Google documents it for Vertex AI only.
            mount=(self.folder, self._refused.add) if self.spec.service is Service.VERTEX_AI else None,
        )
        self._is_confined = confinement is not None and confinement.files
        if confinement and confinement.mount:
            return replace(confinement, mount=partial(self._serve_gcs, confinement.mount))
        return confinement

    def _serve_gcs(self, serve: Callable[[int], Callable[[], None]], device: int) -> Callable[[], None]:
        self._has_gcs = True
        return serve(device)

    @property
    def _folders(self) -> tuple[Path, ...]:
        """Its private ones."""
        return (self.folder, self._temporary) if self._temporary else (self.folder,)

    @property
    def _account(self) -> str:
        return job_account(self.platform.project, self.spec).email

    def _report_start(self) -> None:
        if not self._has_started and not self._cancelled.is_set():
            self._has_started = True
            self.report(self, JobEvent.STARTED, "")

    async def _clean_up(self) -> None:
        processes = self._processes
        ended = () if self._cancelled.is_set() or processes is None else processes.started
        for replica in ended:
            self._log_message("Module completed; cleaning up.", replica=replica)
        if processes is not None:
            await processes.stop(self.platform.grace)
            processes.close()
            if self.before_removal:
                await self.before_removal()
        await self._until_ended.aclose()
        await asyncio.to_thread(folders.remove, *filter(None, (self.folder, self._temporary)))
        for replica in ended:
            self._log_message("Clean up finished.", replica=replica)

    def _on_command(self, replica: Replica, command: Command) -> None:
        option = "-c" if command.module == python_code.MODULE else f"-m {command.module}"
        # As the job has it: in the copy of an image's files, paths are other ones.
        given = argv(self.spec.of_pool(replica.pool_index))
        words = given if command.module == image_program.MODULE else ("python3", option, *given)
        self._log_message(f"Running command: {' '.join(words)}", replica=replica)

    def _on_program_output(self, replica: Replica, line: OutputLine) -> None:
        # Output may arrive before the start is confirmed: the log must not have output of a job that is not running.
        self._report_start()
        self._on_output(replica, line)
        if self.platform.preemptions and self._processes:
            running = {each.task_name: each for each in self._processes.running}
            for name in self.platform.preemptions.take(self.spec.job_id, line.text, list(running)):
                self._processes.preempt(running[name])

    def _log_refusal(self, text: str) -> None:
        self._log_message(text, Severity.WARNING)

    def _log_written(self, entry: LogEntry) -> None:
        """An entry that a program of the job wrote through Cloud Logging."""
        names = [replica.task_name for replica in replicas(self.spec)]
        self._append_bounded(entry if entry.task_name in names else replace(entry, task_name=names[0]))

    def _on_output(self, replica: Replica, line: OutputLine) -> None:
        severity = severity_of(line.stream, line.text)
        self._append_bounded(LogEntry(line.time, severity, replica.task_name, line.text))

    def _append_bounded(self, entry: LogEntry) -> None:
        if self._is_log_full:
            return
        if self.platform.bounds.is_log_full(self.log.size):
            self._is_log_full = True
            self._log_message(self.platform.bounds.log_notice(), Severity.WARNING)
            return
        self._append(entry)

    def _log_message(self, message: str, severity: Severity = Severity.INFO, *, replica: Replica | None = None) -> None:
        self._append(LogEntry(datetime.now(UTC), severity, replica.task_name if replica else "service", message))

    def _append(self, entry: LogEntry) -> None:
        if self.trial:
            entry = replace(entry, trial=self.trial.id)
        try:
            self.log.append(entry)
        except OSError as error:
            # A job whose log has gaps must not succeed: it ends, and its error says why.
            self._log_error = error
            self._must_end.set()


def _needed(spec: TrainingSpec) -> tuple[object, ...]:
    """What of a pool's program decides its environment."""
    return (spec.package_uris, spec.python_module, spec.env, spec.image, spec.image_digest, spec.requirements)
