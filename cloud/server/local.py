"""``LocalCloud``: a whole local cloud."""

import asyncio
import logging
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from cloud.engine.launch.client import Launcher
from cloud.engine.launch.forkserver.system_paths import gpus
from cloud.engine.state_folder import write_private
from cloud.engine.storage.server import FakeGcsServer
from cloud.folders.sweep import sweep, system_folders
from cloud.gateway.environ import CONFLICTING, READ_WHEN_LOADED
from cloud.server import shells
from cloud.server.base import ServedCloud
from cloud.server.confined import Confined
from cloud.server.service_agents import choose_service_agents
from cloud.settings import (
    ConfineMode,
    RuntimeMode,
    ServiceAgents,
    Settings,
    inherited_environ,
    runtimes_dir,
    whole_environ,
)

if TYPE_CHECKING:
    from aiohttp.web import RouteDef

    from cloud.backends.local import LocalBackend
    from cloud.console.server import ConsoleServer
    from cloud.emulator.faults import Faults
    from cloud.engine.confinement.policy import Notices
    from cloud.engine.jobs.preemptions import Preemptions
    from cloud.engine.runtimes.requirements import Requirements
    from cloud.engine.runtimes.runtime import Runtime
    from cloud.engine.runtimes.runtimes import Runtimes
    from cloud.engine.runtimes.source_wheels import BuildWheel
    from cloud.gateway.listener import Refusal
    from cloud.server.front import Front

_log = logging.getLogger(__name__)
_SHORT_COMMAND = 0.2
"""Seconds that a command may take before TensorFlow is loaded for jobs."""
_QUIET = {"TF_CPP_MIN_LOG_LEVEL": "1"}


class LocalCloud(ServedCloud):
    """Use as an async context manager; on exit every process of the cloud has ended.

    Args:
        on_refusal: called for each request for a host that is not emulated.
        launcher_first: start a warm launcher, which loads TensorFlow, before the other services, for a job that follows
            at once; otherwise a moment after them, so that a short command need not wait for it.
        service_agents: for a new state folder, unless the settings say it.

    Raises:
        FailedPrecondition: on entering, if the state folder, the port or fake-gcs-server cannot be used.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        on_refusal: "Callable[[Refusal], None] | None" = None,
        launcher_first: bool = True,
        service_agents: ServiceAgents = ServiceAgents.GOOGLE,
    ) -> None:
        super().__init__(settings, on_refusal=on_refusal)
        self._launcher_first = launcher_first
        self._service_agents = service_agents
        self._ending = asyncio.Event()

    async def _start(self) -> "Front":
        agents = choose_service_agents(self._state.path, self.settings.service_agents, self._service_agents)
        self._confined = Confined(self.settings, self._state.path)
        # Imported here, not above: programs that import this may never start a cloud.
        from cloud.engine.project.access import ProjectAccess
        from cloud.server.owner_access import OwnerAccess

        project = ProjectAccess(self.settings.project, self._state.folder("project"), agents)
        self._parts.callback(project.close)
        folder = self._state.folder("owner")
        owner_access = OwnerAccess(self.settings, folder, project.records.keys, project.account_exists)
        self._parts.push_async_callback(owner_access.close)
        if self.settings.confine is ConfineMode.REQUIRE:
            await self._confined.notices()
        environ = inherited_environ() | READ_WHEN_LOADED | _QUIET | _without_gpus()
        launcher = Launcher(self.settings.launcher, environ=environ)
        self._parts.push_async_callback(launcher.close)
        # Read now: who starts a cloud in a process of his own may change its variables later.
        self._user_environ, self._stores = whole_environ(), (runtimes_dir(), self._state.folder("runtimes"))
        installed = cache(self._installed)
        if self._launcher_first:
            await launcher.start(installed().interpreter)

        server = FakeGcsServer(self._state.folder("storage") / "media", self.settings.fake_gcs_server)
        server.begin()
        self._parts.push_async_callback(server.close)
        await asyncio.sleep(0)  # lets its task start the process

        # Imported here, not above: takes a third of a second, in which the processes started above go on loading.
        from cloud.server.assembly import Assembly

        self._assembly = Assembly(
            self.settings,
            self._state,
            launcher,
            server,
            cache(lambda: self._runtimes(installed)),
            self._requirements,
            environ,
            project,
            owner_access,
            self._confined,
            self._on_refusal,
        )
        self._parts.push_async_callback(self._assembly.close)
        await self._assembly.start()
        self._parts.push_async_callback(self._stop_warming, asyncio.create_task(self._warm(launcher, installed)))
        return self._assembly.front

    def _installed(self) -> "Runtime":
        """The environment of this program, as jobs see it. It is shared by all clouds of the user; where that folder
        cannot be written, this cloud has its own. To make it, the first time, takes a tenth of a second."""
        from cloud.engine.runtimes.view import view_of_installed

        return view_of_installed(*self._stores)

    def _runtimes(self, installed: "Callable[[], Runtime]") -> "Runtimes":
        from cloud.engine.runtimes.runtimes import Runtimes

        settings = self.settings
        return Runtimes(self._stores, installed, settings.runtime, settings.requirements, environ=self._user_environ)

    def _requirements(self, build: "BuildWheel") -> "Requirements":
        from cloud.engine.runtimes.requirements import Requirements
        from cloud.engine.runtimes.source_wheels import SourceWheels

        store, fallback = (folder / "layers" for folder in self._stores)
        settings, lenient = self.settings, self.settings.runtime is RuntimeMode.ANY
        wheels = SourceWheels([folder / "wheels" for folder in self._stores], build)
        return Requirements(
            store,
            settings.requirements,
            environ=self._user_environ,
            fallback=fallback,
            lenient=lenient,
            wheels=wheels,
        )

    async def _warm(self, launcher: Launcher, installed: "Callable[[], Runtime]") -> None:
        """Start the fork servers a moment later: a short command need not share the processors with them. A job that
        comes before starts its own."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._ending.wait(), _SHORT_COMMAND)
            return
        try:
            from cloud.engine.runtimes.runtime import building

            interpreter = (await asyncio.to_thread(installed)).interpreter
            await launcher.start(interpreter)
            await launcher.start(building(interpreter))
        except OSError as error:
            _log.warning("no fork server could be started: %s", error)

    async def _stop_warming(self, warming: asyncio.Task[None]) -> None:
        self._ending.set()
        await warming

    async def notices(self) -> "Notices":
        return await self._confined.notices()

    def _sweep(self) -> None:
        # Imported here: a start need not wait for it.
        from cloud.engine.runtimes.store import Store

        state = self._state.path
        shared = [store / name for store in self._stores for name in ("layers", "wheels")]
        sweep([*system_folders(), state / "work", state / "packages", *self._stores, *shared])
        for store in self._stores:
            Store(store).remove_leftovers()

    async def owner_environ(self) -> dict[str, str]:
        return await super().owner_environ() | await self._assembly.image_apis.docker.environ()

    @property
    def backend(self) -> "LocalBackend":
        return self._assembly.backend

    @property
    def faults(self) -> "Faults":
        """Faults to inject, by method."""
        return self._assembly.faults

    @property
    def preemptions(self) -> "Preemptions":
        """Replicas of jobs to take away while they run."""
        return self._assembly.preemptions

    @property
    def violations(self) -> list[str]:
        return self._assembly.violations

    def log_file(self, job_id: str) -> Path:
        """The file of a job's log entries, one JSON object a line."""
        return self._state.path / "jobs" / "logs" / f"{job_id}.jsonl"

    async def start_console(self, pages: "Iterable[RouteDef]" = ()) -> "ConsoleServer":
        """Pages of this cloud, for its owner's browser, on a port of their own.

        Args:
            pages: of who runs this cloud, added to its own.
        """
        # Most clouds, those around a command, have none.
        from cloud.console.grants import GrantPages
        from cloud.console.jobs import JobPages
        from cloud.console.live import LivePages
        from cloud.console.models import ModelPages
        from cloud.console.project import ProjectPages
        from cloud.console.requests import RequestPages
        from cloud.console.server import ConsoleServer
        from cloud.console.storage import StoragePages
        from cloud.console.tensorboard import TensorBoardPages
        from cloud.console.vertex import VertexPages
        from cloud.console.vertex_client import VertexClient
        from cloud.emulator.mounts import RequestSource
        from cloud.engine.project.identities import owner, project_number

        settings, backend, assembly = self.settings, self.backend, self._assembly
        storage, who = assembly.storage, owner(settings.project)
        state = f" --state {settings.state_dir}" if settings.state_dir else ""
        command = f'eval "$({sys.executable} -m cloud.serve env{state})"'
        board = TensorBoardPages(backend, self._guest_environ)
        vertex = VertexClient(
            assembly.front.emulator.protocols(RequestSource(who, is_recorded=False)), settings.project
        )
        routes = [
            *pages,
            *ProjectPages(backend, project_number(settings.project), settings.iam.value, command).routes(),
            *JobPages(backend, assembly.jobs, storage, who).routes(),
            *ModelPages(backend, assembly.serving, vertex, assembly.vertex.load().regions).routes(),
            *VertexPages(vertex, settings.project).routes(),
            *GrantPages(assembly.project, storage, who).routes(),
            *StoragePages(backend, storage, who).routes(),
            *board.routes(),
            *LivePages(
                {
                    "jobs": [assembly.jobs.changes],
                    "models": [assembly.serving.changes, assembly.vertex.load().changes],
                    "storage": [storage.changes],
                    "iam": [storage.changes, assembly.project.changes],
                }
            ).routes(),
            *RequestPages(assembly.front.record()).routes(),
        ]
        self._parts.push_async_callback(vertex.close)
        self._parts.push_async_callback(board.close)
        console = ConsoleServer(routes, settings.project)
        await console.start()
        self._parts.push_async_callback(console.close)
        return console

    async def _guest_environ(self) -> dict[str, str]:
        return inherited_environ() | _QUIET | _without_gpus() | await self.owner_environ()

    async def write_environment(self) -> Path:
        """Write a shell script that makes a terminal's programs use this cloud as its owner; returns its path."""
        script = self._state.path / "environment.sh"
        write_private(script, shells.script("bash", await self.owner_environ(), CONFLICTING))
        return script


def _without_gpus() -> dict[str, str]:
    """Machines of the emulated cloud have no accelerators. Where this one has none either, programs find the variable
    unset, as on Google's."""
    return {"CUDA_VISIBLE_DEVICES": "-1"} if gpus() else {}
