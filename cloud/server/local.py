"""``LocalCloud``: a whole local cloud from ``async with`` to its end."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from cloud.engine.launch.client import Launcher
from cloud.engine.state_folder import write_private
from cloud.engine.storage.server import FakeGcsServer
from cloud.gateway.environ import CONFLICTING, READ_WHEN_LOADED
from cloud.server.base import ServedCloud
from cloud.server.shells import posix
from cloud.settings import Settings, inherited_environ

if TYPE_CHECKING:
    from cloud.backends.local import LocalBackend
    from cloud.emulator.faults import Faults
    from cloud.gateway.tunnel import Refusal
    from cloud.server.front import Front

_QUIET = {
    # No accelerator is offered here: TensorFlow need not look for one, and complain.
    "CUDA_VISIBLE_DEVICES": "-1",
    "TF_CPP_MIN_LOG_LEVEL": "1",
}


class LocalCloud(ServedCloud):
    """Use as an async context manager; at its end no process of it is left.

    Args:
        on_refusal: told of each request for a host that is not emulated.
        soon_a_job: load TensorFlow for a warm launcher from the first moment on; otherwise when all else is up, which
            is sooner then.

    Raises:
        FailedPrecondition: on entering, if the state folder, the port or fake-gcs-server cannot be used.
    """

    def __init__(
        self, settings: Settings, *, on_refusal: "Callable[[Refusal], None] | None" = None, soon_a_job: bool = True
    ) -> None:
        super().__init__(settings, on_refusal=on_refusal)
        self._soon_a_job = soon_a_job

    async def _start(self) -> "Front":
        environ = inherited_environ() | READ_WHEN_LOADED | _QUIET
        launcher = Launcher(self.settings.launcher, environ=environ)
        self._parts.push_async_callback(launcher.close)
        if self._soon_a_job:
            await launcher.start()

        server = FakeGcsServer(self._state.folder("storage") / "media", self.settings.fake_gcs_server)
        server.begin()
        self._parts.push_async_callback(server.close)
        await asyncio.sleep(0)  # lets it begin

        # Imported here, not above: what has been started goes on loading while this takes its third of a second.
        from cloud.server.assembly import Assembly

        self._assembly = Assembly(self.settings, self._state, launcher, server, environ, self._on_refusal)
        self._parts.push_async_callback(self._assembly.close)
        await self._assembly.start()
        await launcher.start()
        return self._assembly.front

    @property
    def backend(self) -> "LocalBackend":
        return self._assembly.backend

    @property
    def faults(self) -> "Faults":
        """What is to go wrong on purpose, method by method."""
        return self._assembly.faults

    @property
    def violations(self) -> list[str]:
        return self._assembly.violations

    def log_file(self, job_id: str) -> Path:
        return self._state.path / "jobs" / "logs" / f"{job_id}.jsonl"

    async def write_environment(self) -> Path:
        """Write a shell script that makes a terminal's programs use this cloud as its owner; returns its path."""
        script = self._state.path / "environment.sh"
        write_private(script, posix(await self.owner_environ(), CONFLICTING))
        return script
