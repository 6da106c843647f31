"""Performs one job: packages, replicas, their output, their end. Decides nothing about states: it reports events."""

import asyncio
import logging
import socket
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from cloud.engine.jobs import folders
from cloud.engine.jobs.environ import argv, environ
from cloud.engine.jobs.logs import JobLog, is_tensorflows, severity_of
from cloud.engine.jobs.packages import PackageInstaller
from cloud.engine.jobs.replicas import Replica, replicas
from cloud.engine.jobs.requirements import check_requirements
from cloud.engine.launch.client import Command, ExitStatus, Launcher, OutputLine, Process
from cloud.errors import CloudError
from cloud.lifecycle import JobEvent
from cloud.names import GsUri
from cloud.resources import LogEntry, Severity, TrainingSpec

_TAIL_LINES = 60
"""Of a replica's stderr, kept for the error message: more than any traceback worth reading there."""

Fetch = Callable[[GsUri, Path], Awaitable[object]]
"""Downloads one object to a file as the ML service account."""


@dataclass(frozen=True, slots=True)
class Platform:
    """What every job of one cloud shares."""

    launcher: Launcher
    installer: PackageInstaller
    fetch: Fetch
    environ: Mapping[str, str]
    project: str
    project_number: int
    grace: float
    """Seconds between SIGTERM and SIGKILL."""


@dataclass(slots=True)
class JobRun:
    """One execution. ``report`` is told each event with a message for the job's ``errorMessage``."""

    spec: TrainingSpec
    platform: Platform
    folder: Path
    """Private to this run, removed afterwards: a replica's disk does not outlive it."""
    log: JobLog
    report: Callable[[JobEvent, str], None]
    _cancelled: asyncio.Event = field(default_factory=asyncio.Event)
    _has_begun: bool = False
    _log_error: OSError | None = None
    _log_failed: asyncio.Event = field(default_factory=asyncio.Event)
    _processes: dict[Replica, Process] = field(default_factory=dict)
    _tails: dict[Replica, deque[str]] = field(default_factory=dict)
    _temporary: Path | None = None
    """The replicas' ``TMPDIR``."""

    def cancel(self) -> None:
        """Have the run end its processes; it then reports STOPPED."""
        self._cancelled.set()

    async def run(self) -> None:
        """Returns when nothing of the job is left and its last event is reported. Raises nothing."""
        event, message = await self._perform()
        if event is JobEvent.FAILED and message:
            self._say(message.splitlines()[0].rstrip(), Severity.ERROR)
        if self._processes:
            self._say("Finished tearing down training program.")
        closing = {JobEvent.COMPLETED: "Job completed successfully.", JobEvent.FAILED: "Job failed."}
        self._say(closing.get(event, "Job cancelled."), Severity.ERROR if event is JobEvent.FAILED else Severity.INFO)
        if self._log_error and event is not JobEvent.STOPPED:
            event, message = JobEvent.FAILED, f"The job's log could not be written: {self._log_error}"
        self.report(event, message)

    async def _perform(self) -> tuple[JobEvent, str]:
        work = asyncio.create_task(self._work())
        stops = [asyncio.create_task(self._cancelled.wait()), asyncio.create_task(self._log_failed.wait())]
        try:
            await asyncio.wait([work, *stops], return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                work.cancel()
            await asyncio.wait([work])
        finally:
            for stop in stops:
                stop.cancel()
            await self._clean_up()
        error = None if work.cancelled() else work.exception()
        if self._cancelled.is_set() or work.cancelled():
            return JobEvent.STOPPED if self._cancelled.is_set() else JobEvent.FAILED, ""
        match error:
            case None:
                return work.result()
            case CloudError():
                return JobEvent.FAILED, str(error)
            case TimeoutError():
                limit = f"The job ran longer than its max running time of {self.spec.max_running_time:g} seconds."
                self.report(JobEvent.CANCEL_REQUESTED, limit)
                return JobEvent.STOPPED, limit
            case _:
                logging.getLogger(__name__).error("job %s", self.spec.job_id, exc_info=error)
                return JobEvent.FAILED, f"Internal error encountered. ({type(error).__name__}: {error})"

    async def _work(self) -> tuple[JobEvent, str]:
        members = replicas(self.spec)
        self._temporary = folders.make(self.folder)
        import_path = await self._install_packages(members[0])
        await self._launch(members, import_path)
        if self._cancelled.is_set():  # just now: this task is about to be told
            return JobEvent.STOPPED, ""
        self._begin()
        async with asyncio.timeout(self.spec.max_running_time):
            failures = await self._wait_for_primary(members[0])
        if failures:
            return JobEvent.FAILED, " ".join(self._explain(replica, status) for replica, status in failures)
        return JobEvent.COMPLETED, ""

    async def _install_packages(self, primary: Replica) -> tuple[Path, ...]:
        folder = self.folder / "packages"
        folder.mkdir()
        self._say("Waiting for training program to start.")
        self._say(f"Running module {self.spec.python_module}.", replica=primary)
        installed = []
        for uri in self.spec.package_uris:
            self._say(f"Downloading the package: {uri}", replica=primary)
            archive = folder / uri.name
            await self.platform.fetch(uri, archive)
            self._say(f"Installing the package: {uri}", replica=primary)
            installed.append(
                await self.platform.installer.install(
                    archive,
                    work=folder,
                    environ=dict(self.platform.environ),
                    on_output=lambda line: self._hear(primary, line),
                )
            )
        # A later package replaces an earlier one's modules, as the runner's successive pip installs do.
        import_path = tuple(reversed(installed))
        check_requirements(import_path)
        return import_path

    async def _launch(self, members: Sequence[Replica], import_path: tuple[Path, ...]) -> None:
        addresses = _free_addresses(members)
        for replica in members:
            home = self.folder / replica.task_name
            home.mkdir()
            self._tails[replica] = deque(maxlen=_TAIL_LINES)
            command = Command(
                module=self.spec.python_module,
                argv=argv(self.spec),
                environ=environ(
                    self.spec,
                    replica,
                    addresses,
                    project=self.platform.project,
                    project_number=self.platform.project_number,
                    base={**self.platform.environ, "TMPDIR": str(self._temporary)},
                    home=home,
                ),
                cwd=home,
                import_path=import_path,
            )
            self._say(
                f"Running command: python3 -m {command.module} {' '.join(command.argv)}".rstrip(), replica=replica
            )
            self._processes[replica] = await self.platform.launcher.launch(
                command,
                lambda line, replica=replica: self._hear_program(replica, line),  # type: ignore[misc]
            )

    def _begin(self) -> None:
        if not self._has_begun and not self._cancelled.is_set():
            self._has_begun = True
            self.report(JobEvent.STARTED, "")

    async def _wait_for_primary(self, primary: Replica) -> list[tuple[Replica, ExitStatus]]:
        """Until the primary exits with 0 (nothing returned: the others no longer matter) or any replica fails."""
        waits = {asyncio.create_task(process.wait()): replica for replica, process in self._processes.items()}
        try:
            pending = set(waits)
            while pending:
                done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
                failed = [(waits[task], task.result()) for task in done if not task.result().ok]
                if failed:
                    return failed
                if any(waits[task] == primary for task in done):
                    return []
            return []
        finally:
            for wait in waits:
                wait.cancel()

    async def _clean_up(self) -> None:
        ended = () if self._cancelled.is_set() else tuple(self._processes)
        for replica in ended:
            self._say("Module completed; cleaning up.", replica=replica)
        await self._stop_everything()
        await asyncio.to_thread(folders.remove, *filter(None, (self.folder, self._temporary)))
        for replica in ended:
            self._say("Clean up finished.", replica=replica)

    async def _stop_everything(self) -> None:
        await asyncio.gather(
            *(process.stop(self.platform.grace) for process in self._processes.values()), return_exceptions=True
        )

    def _explain(self, replica: Replica, status: ExitStatus) -> str:
        tail = list(self._tails[replica])
        starts = [number for number, line in enumerate(tail) if line.startswith("Traceback (most recent call last)")]
        said = tail[starts[-1] :] if starts else [line for line in tail if not is_tensorflows(line)][-3:]
        code = status.code if status.code is not None else 128 + (status.signal or 0)
        cause = "" if status.code is not None else f" It {status}."
        reason = "\n".join(said)
        return f"The replica {replica.display_name} exited with a non-zero status of {code}.{cause} \n{reason}".rstrip()

    def _hear_program(self, replica: Replica, line: OutputLine) -> None:
        # A replica may be heard before it is known that it was started: whoever reads its log finds the job running.
        self._begin()
        self._hear(replica, line)

    def _hear(self, replica: Replica, line: OutputLine) -> None:
        if line.stream == "stderr":
            self._tails.setdefault(replica, deque(maxlen=_TAIL_LINES)).append(line.text)
        self._append(LogEntry(line.time, severity_of(line.stream, line.text), replica.task_name, line.text))

    def _say(self, message: str, severity: Severity = Severity.INFO, *, replica: Replica | None = None) -> None:
        self._append(LogEntry(datetime.now(UTC), severity, replica.task_name if replica else "service", message))

    def _append(self, entry: LogEntry) -> None:
        try:
            self.log.append(entry)
        except OSError as error:
            # A job whose log has holes must not pass for one that went well: it ends, and says why.
            self._log_error = error
            self._log_failed.set()


def _free_addresses(members: Sequence[Replica]) -> dict[Replica, str]:
    """An address for each replica, each port found by binding it; all are held until all are found."""
    sockets = {replica: socket.create_server(("127.0.0.1", 0)) for replica in members}
    addresses = {replica: f"127.0.0.1:{listener.getsockname()[1]}" for replica, listener in sockets.items()}
    for listener in sockets.values():
        listener.close()
    return addresses
