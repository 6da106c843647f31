"""``Executor``: what the engine needs of whatever starts its processes."""

from typing import Protocol

from cloud.engine.launch.command import Command, ExitStatus
from cloud.engine.launch.output import OnOutput


class RunningProcess(Protocol):
    """A process that was started, with everything it starts in turn."""

    async def wait(self) -> ExitStatus:
        """How it ended, once nothing of it is left and its output is delivered to the last byte."""

    async def stop(self, grace: float) -> ExitStatus:
        """SIGTERM to the process and all that it started, SIGKILL to what is left after ``grace`` seconds."""


class Executor(Protocol):
    """Starts processes; ``Launcher`` does so on this machine."""

    async def launch(
        self, command: Command, on_output: OnOutput, *, allow_cold_fallback: bool = False
    ) -> RunningProcess:
        """Start a process.

        Args:
            command: what runs, with which interpreter, in which environment and folder, within which limits.
            on_output: called with each line, in the order of its stream, in this event loop; must not raise.
            allow_cold_fallback: the process needs nothing that is preloaded, and need not wait for that.

        Raises:
            FailedPrecondition: it cannot be started, with the reason.
            Unavailable: no process can be started at present.
        """
