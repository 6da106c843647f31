"""Starts, awaits and ends the processes of one execution, one for each replica."""

import asyncio
import errno
import os
import re
import shutil
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from cloud.engine.jobs import pip_environment
from cloud.engine.jobs.environ import TrialName, argv, environ
from cloud.engine.jobs.image_root import ImageRoot
from cloud.engine.jobs.pip_environment import PipEnvironment
from cloud.engine.jobs.ports import PortAllocator, is_bound
from cloud.engine.jobs.preparation import Prepared
from cloud.engine.jobs.replicas import Replica
from cloud.engine.jobs.severity import is_tensorflow_log
from cloud.engine.launch.command import Command, ExitStatus, Interpreter
from cloud.engine.launch.confinement import Confinement
from cloud.engine.launch.executor import Executor, RunningProcess
from cloud.engine.launch.output import OutputLine
from cloud.engine.runtimes import hooks, image_program
from cloud.engine.runtimes.layer_build import PACKAGES
from cloud.engine.runtimes.requirements import Environment
from cloud.resources import TrainingSpec

Confine = Callable[[Environment, Sequence[int]], Awaitable[Confinement | None]]
"""Gives the confinement of an execution's replicas in one environment, which listen on these ports."""
OnCommand = Callable[[Replica, Command], None]
"""Called before each start."""
Failed = Sequence[tuple[Replica, ExitStatus]]
"""Replicas that failed, and how."""
_TAIL_LINES = 200
"""Of a replica's stderr, kept for the error message: more than any traceback worth reading there."""
_IGNORED = re.compile(
    r"^Exception ignored .*\n(?:Traceback \(most recent call last\).*\n(?: .*\n)*.*\n)?", re.MULTILINE
)
_ADDRESS_IN_USE = os.strerror(errno.EADDRINUSE).lower()


@dataclass(slots=True)
class ReplicaProcesses:
    """Started once, then perhaps restarted; ``close`` releases the ports."""

    spec: TrainingSpec
    executor: Executor
    ports: PortAllocator
    on_output: Callable[[Replica, OutputLine], None]
    limits: Mapping[str, int]
    """Resource limits of each process; see ``Command``."""
    _processes: dict[Replica, RunningProcess] = field(default_factory=dict)
    _starts: dict[Replica, Callable[[], Awaitable[RunningProcess]]] = field(default_factory=dict)
    """How each is started again."""
    _preempting: dict[Replica, asyncio.Task[ExitStatus]] = field(default_factory=dict)
    _preempted: list[Replica] = field(default_factory=list)
    """Those that have ended, and are not restarted yet."""
    _finished: set[Replica] = field(default_factory=set)
    _tails: dict[Replica, deque[str]] = field(default_factory=dict)
    _addresses: dict[Replica, int] = field(default_factory=dict)

    @property
    def started(self) -> tuple[Replica, ...]:
        return tuple(self._processes)

    @property
    def running(self) -> tuple[Replica, ...]:
        """Without those that are being preempted."""
        return tuple(each for each in self._processes if each not in self._finished and each not in self._preempting)

    async def start(
        self,
        members: Sequence[Replica],
        *,
        project: str,
        project_number: int,
        base: Mapping[str, str],
        trial: TrialName | None,
        folder: Path,
        prepared: Mapping[int, Prepared],
        confine: Confine,
        on_command: OnCommand,
    ) -> None:
        """Start all of ``members``.

        Args:
            base: environment variables of every process.
            trial: of a tuning job, which they run.
            folder: an empty folder for each replica is created in it.
            prepared: what the replicas start in, by the index of their pool.
            confine: gives the confinement of each replica.
            on_command: called before each start.

        Raises:
            CloudError: one cannot be started; the caller has to ``stop`` the others.
        """
        self._addresses = dict(zip(members, self.ports.allocate(len(members)), strict=True))
        confinements = {
            pool: await confine(each.environment, tuple(self._addresses.values())) for pool, each in prepared.items()
        }
        addresses = {replica: f"127.0.0.1:{port}" for replica, port in self._addresses.items()}
        for replica in members:
            spec, ready = self.spec.of_pool(replica.pool_index), prepared[replica.pool_index]
            environment, root = ready.environment, ready.root
            interpreter, import_path = environment.interpreter, environment.import_path
            home = folder / replica.task_name
            installed = folder / "pip" / replica.task_name
            path = _with_programs(environment.import_path, base.get("PATH", os.defpath))
            make = partial(_make_folders, home, installed, root, interpreter, path)
            pip = await asyncio.to_thread(make)
            words, cwd, variables = argv(spec), home, {**base, **hooks.environ(ready.request), **ready.variables}
            variables["PATH"] = path
            if root:
                words, cwd = tuple(root.located(home, word) for word in words), root.cwd(home)
                variables = root.environ(home) | variables
                if spec.python_module != image_program.MODULE:
                    import_path = (cwd, *import_path)
            command = Command(
                module=spec.python_module,
                argv=words,
                environ=environ(
                    self.spec,
                    replica,
                    addresses,
                    project=project,
                    project_number=project_number,
                    base={**variables, **(pip.environ if pip else {})},
                    home=home,
                    trial=trial,
                ),
                cwd=cwd,
                import_path=(*import_path, pip.site) if pip else import_path,
                interpreter=interpreter,
                limits=self.limits,
                confinement=_with_root(confinements[replica.pool_index], home if root else None),
            )
            self._starts[replica] = partial(self._start_again, replica, command, make, on_command)
            self._processes[replica] = await self._launch(replica, command, on_command)

    async def restart(self, members: Sequence[Replica], grace: float) -> None:
        """End ``members`` where they still run, and start them again under their addresses, with empty folders.

        Raises:
            CloudError: one cannot be started; the caller has to ``stop`` the others.
        """
        await asyncio.gather(*(self._processes[replica].stop(grace) for replica in members))
        for replica in members:
            self._preempting.pop(replica, None)
            self._finished.discard(replica)
        for replica in members:
            self._processes[replica] = await self._starts[replica]()

    async def _start_again(
        self, replica: Replica, command: Command, make: Callable[[], object], on_command: OnCommand
    ) -> RunningProcess:
        await asyncio.to_thread(make)
        return await self._launch(replica, command, on_command)

    async def _launch(self, replica: Replica, command: Command, on_command: OnCommand) -> RunningProcess:
        self._tails[replica] = deque(maxlen=_TAIL_LINES)
        on_command(replica, command)
        return await self.executor.launch(command, lambda line: self._on_line(replica, line))

    async def wait_for(self, primary: Replica) -> Failed:
        """Wait until ``primary`` exits with 0, one fails, or a preempted one ends; returns those that failed."""
        waits = {asyncio.create_task(process.wait()): replica for replica, process in self._processes.items()}
        try:
            pending = set(waits)
            while pending:
                done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
                ended = {waits[task]: task.result() for task in done}
                self._preempted = [replica for replica in ended if replica in self._preempting]
                self._finished.update(ended)
                failed = [
                    (replica, status)
                    for replica, status in ended.items()
                    if not status.ok and replica not in self._preempted
                ]
                if failed or self._preempted:
                    return failed
                if primary in ended:
                    return []
            return []
        finally:
            for wait in waits:
                wait.cancel()

    def preempt(self, replica: Replica) -> None:
        """Take away a running replica, as if its machine were lost."""
        self._preempting[replica] = asyncio.create_task(self._processes[replica].stop(0))

    def take_preempted(self) -> Sequence[Replica]:
        """Those that were preempted and have ended since ``restart``."""
        preempted, self._preempted = self._preempted, []
        return preempted

    async def stop(self, grace: float) -> None:
        """End what still runs."""
        await asyncio.gather(*(process.stop(grace) for process in self._processes.values()), return_exceptions=True)

    def close(self) -> None:
        self.ports.release(self._addresses.values())
        self._addresses = {}

    def address_was_taken(self, failed: Failed) -> bool:
        """Whether a replica failed because another program is bound to its port.

        That is so if its output says that an address is in use, and either names its own or its own is still bound.
        Call it when all processes have ended, and before ``close``.
        """
        for replica, _ in failed:
            output = "\n".join(self._tails[replica]).lower()
            port = self._addresses[replica]
            if _ADDRESS_IN_USE in output and (f":{port}" in output or is_bound(port)):
                return True
        return False

    def explain(self, failed: Failed) -> str:
        """The error message for replicas that failed."""
        return " ".join(self._explain(replica, status) for replica, status in failed)

    def _explain(self, replica: Replica, status: ExitStatus) -> str:
        tail = _without_ignored(self._tails[replica])
        starts = [number for number, line in enumerate(tail) if line.startswith("Traceback (most recent call last)")]
        lines = tail[starts[-1] :] if starts else [line for line in tail if not is_tensorflow_log(line)][-3:]
        code = status.code if status.code is not None else 128 + (status.signal or 0)
        cause = "" if status.code is not None else f" It {status}."
        reason = "\n".join(lines)
        return f"The replica {replica.display_name} exited with a non-zero status of {code}.{cause} \n{reason}".rstrip()

    def _on_line(self, replica: Replica, line: OutputLine) -> None:
        if line.stream == "stderr":
            self._tails[replica].append(line.text)
        self.on_output(replica, line)


def _without_ignored(lines: Iterable[str]) -> list[str]:
    """The lines without the exceptions that Python ignores, mostly while it ends: they do not say why it did."""
    return _IGNORED.sub("", "".join(f"{line}\n" for line in lines)).split("\n")[:-1]


def _with_root(confinement: Confinement | None, root: Path | None) -> Confinement | None:
    return replace(confinement, root=root) if confinement and root else confinement


def _make_folders(
    home: Path, installed: Path, root: ImageRoot | None, interpreter: Interpreter, path: str
) -> PipEnvironment | None:
    """Make a replica's empty folder, and that of what its pip installs, without what an earlier start left."""
    for folder in (home, installed):
        shutil.rmtree(folder, ignore_errors=True)
    home.mkdir()
    if root:
        root.place(home)
    return pip_environment.create(installed, interpreter, path)


def _with_programs(import_path: Sequence[Path], path: str) -> str:
    """``PATH`` with the programs of what the job requires, such as ``torchrun`` or ``dask-worker``."""
    return os.pathsep.join([*(str(folder / "bin") for folder in import_path if folder.name == PACKAGES), path])
