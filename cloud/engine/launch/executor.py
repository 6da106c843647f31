"""``Executor``: the interface through which the engine starts processes."""

from typing import Protocol

from cloud.engine.launch.command import Command, ExitStatus
from cloud.engine.launch.output import OnOutput


class RunningProcess(Protocol):
    """A started process, with all processes that it starts."""

    async def wait(self) -> ExitStatus:
        """How it ended. Returns once it and all that it started are gone and their output is delivered."""

    async def stop(self, grace: float) -> ExitStatus:
        """Send SIGTERM to it and all that it started, and SIGKILL to those left after ``grace`` seconds."""


class Executor(Protocol):
    """Starts processes; ``Launcher`` does so on this machine."""

    async def launch(
        self, command: Command, on_output: OnOutput, *, allow_cold_fallback: bool = False
    ) -> RunningProcess:
        """Start a process.

        Args:
            on_output: called with each line, in the order of its stream, in this event loop; must not raise.
            allow_cold_fallback: the process needs no preloaded module, and need not wait for the preload.

        Raises:
            FailedPrecondition: it cannot be started; the message says why.
            Unavailable: no process can be started now.
        """
