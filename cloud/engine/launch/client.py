"""``Launcher``: starts processes that run a Python module, warm or cold. None of them outlives this process."""

import asyncio
from collections.abc import Mapping
from types import MappingProxyType

from cloud.engine.launch.command import Command, ExitStatus, Interpreter
from cloud.engine.launch.deadlines import Deadlines
from cloud.engine.launch.network import Network
from cloud.engine.launch.on_demand import OnDemandServer
from cloud.engine.launch.output import OnOutput, OutputLine
from cloud.engine.launch.process import Process
from cloud.settings import LauncherKind

__all__ = ["Command", "ExitStatus", "Interpreter", "Launcher", "OutputLine", "Process"]

_CLOSING_GRACE = 1.0
_COLD = Interpreter()
"""The fork server of all cold processes: a small one that executes their interpreters."""


class Launcher:
    """Starts processes for one engine, in any interpreter.

    Each interpreter with modules to preload has a fork server that has imported them; all others share a small one,
    whose processes start cold. A fork server is started by the first process that needs it, and ends when it was
    without a process for a while. A running process does not depend on it. If the engine dies, all processes end.

    Args:
        kind: COLD gives each process a fresh interpreter; WARM (Linux) forks it from one with its ``preload`` imported.
        environ: variables that libraries read at import (``GCS_*`` of TensorFlow). A fork server imports its modules
            with them and ``inherited_environ``; for cold processes each command has to repeat them.
    """

    def __init__(
        self,
        kind: LauncherKind,
        *,
        environ: Mapping[str, str] = MappingProxyType({}),
        deadlines: Deadlines | None = None,
    ) -> None:
        self._kind = kind
        self._deadlines = deadlines or Deadlines()
        self._environ = dict(environ)
        self._servers: dict[Interpreter, OnDemandServer] = {}
        self._processes: set[Process] = set()

    async def start(self, interpreter: Interpreter | None = None) -> None:
        """Start the fork server for ``interpreter`` and return while it still imports modules. Does nothing if it
        runs."""
        await self._server(interpreter).start()

    async def ready(self, interpreter: Interpreter | None = None) -> None:
        """Wait until all modules of the interpreter's fork server are imported. (Earlier calls of ``launch`` wait for
        that, too.)

        Raises:
            Unavailable: a module cannot be imported; the message says which and why.
        """
        await self._server(interpreter).ready()

    async def launch(self, command: Command, on_output: OnOutput, *, allow_cold_fallback: bool = False) -> Process:
        """Start a process: warm if its interpreter has modules to preload and this system can, else cold.

        Args:
            on_output: called with each line, in the order of its stream, in this event loop; must not raise.
            allow_cold_fallback: start it cold if its warm fork server is not ready, or cannot be, for a process that
                does not need the preloaded modules.

        Raises:
            FailedPrecondition: the working directory does not exist, or the process cannot be confined; it never runs
                unconfined.
            Unavailable: the fork server cannot import its modules, or was killed or did not answer twice.
        """
        server = self._server(command.interpreter)
        if allow_cold_fallback and not server.is_ready:
            await server.start()
            server = self._server(None)
        process = await server.launch(command, on_output)
        self._processes.add(process)
        process.on_end(self._processes.discard)
        return process

    async def create_network(self, port: int) -> Network:
        """Create a network namespace, whose only way out is the returned socket.

        Args:
            port: the port of its loopback interface to which that socket is bound.

        Raises:
            FailedPrecondition: the system refuses it; names the step.
            Unavailable: the fork server was killed or did not answer twice.
        """
        return await self._server(None).create_network(port)

    async def close(self) -> None:
        """End all processes and fork servers. May be called twice."""
        await asyncio.gather(*(process.stop(_CLOSING_GRACE) for process in self._processes))
        await asyncio.gather(*(server.close() for server in self._servers.values()))

    def _server(self, interpreter: Interpreter | None) -> OnDemandServer:
        is_warm = interpreter is not None and interpreter.can_preload and self._kind is LauncherKind.WARM
        key = interpreter if interpreter is not None and is_warm else _COLD
        if key not in self._servers:
            self._servers[key] = OnDemandServer(key, self._environ, self._deadlines)
        return self._servers[key]
