"""``Confiner``: makes the confinement of jobs' replicas, package builds and serving workers."""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from socket import socket
from typing import TYPE_CHECKING, Protocol

from cloud.engine.confinement.paths import PythonPaths
from cloud.engine.launch.command import Interpreter
from cloud.engine.launch.confinement import Confinement
from cloud.engine.launch.network import Network
from cloud.resources.log_entries import LogEntry

if TYPE_CHECKING:
    from cloud.engine.confinement.layers import Layers

Report = Callable[[str, str], None]
"""Called for each refused request of a confined job: with a sentence, and with the host if it was asked for in vain."""
WriteLog = Callable[[LogEntry], None]
"""Appends an entry that a program of a job wrote through Cloud Logging to the job's log."""
_ANY_FREE_PORT = 0


class Networks(Protocol):
    """Where networks come from: ``Launcher``."""

    async def create_network(self, port: int) -> Network:
        """See ``Launcher.create_network``."""


@dataclass(frozen=True, slots=True)
class Programs:
    """The programs of one execution, as the APIs meet them.

    Args:
        report: called for refusals of their requests.
        write_log: called for entries that they write.
    """

    job_id: str
    report: Report
    write_log: WriteLog


@dataclass(frozen=True, slots=True)
class Access:
    """How a job reaches Google's APIs, as the account that it runs as.

    Args:
        port: of the loopback interface, where its variables lead.
        files: that its variables name.
        serve: serves the APIs on a socket in a job's network, too, and returns what ends that.
        environ: its variables.
        alone: serves the APIs at an address for one execution alone, and returns the access there, and what ends it.
        mount: serves buckets as folders; see ``Confinement.mount``. Besides the descriptor it gets a folder for files
            that are being written, and what is called for refusals.
    """

    port: int
    files: tuple[Path, ...]
    serve: Callable[[socket, Programs], Awaitable[Callable[[], Awaitable[None]]]]
    environ: Mapping[str, str] = field(default_factory=dict)
    alone: Callable[[Programs], Awaitable[tuple["Access", Callable[[], Awaitable[None]]]]] | None = None
    mount: Callable[[int, Path, Report], Callable[[], None]] | None = None


@dataclass(frozen=True, slots=True)
class Means:
    """What confines processes.

    Args:
        layers: finds what this machine can; None: nothing.
        reads: folders that all jobs may read.
        secrets: folders that hold what no process may read.
        job_processes: processes and threads that a job may have at a time.
    """

    layers: "Callable[[], Awaitable[Layers | None]]"
    networks: Networks
    reads: tuple[Path, ...] = ()
    secrets: tuple[Path, ...] = ()
    job_processes: int | None = None


class Confiner:
    """
    Args:
        means: None: all confinements are None, and processes have the user's rights.
    """

    def __init__(self, means: Means | None = None) -> None:
        self._means = means
        self._paths = PythonPaths(means.secrets if means else ())

    @asynccontextmanager
    async def job_network(
        self, access: Access | None, programs: Programs
    ) -> AsyncIterator[tuple[Network | None, Access | None]]:
        """The network of one execution, until the block ends, and how it reaches Google's APIs; None: this machine's.

        Args:
            access: of its job; None: it has none, and no network of its own.
            programs: of the execution.

        Raises:
            CloudError: it cannot be made.
        """
        async with AsyncExitStack() as parts:
            network, layers = None, await self._layers()
            if self._means and access and layers and layers.network.is_held:
                network = await self._means.networks.create_network(access.port)
                parts.callback(network.close)
                parts.push_async_callback(await access.serve(network.listening, programs))
            elif access and access.alone:
                access, end = await access.alone(programs)
                parts.push_async_callback(end)
            yield network, access

    async def replica(
        self,
        interpreter: Interpreter,
        import_path: Sequence[Path],
        *,
        write: Sequence[Path],
        access: Access | None,
        network: Network | None,
        ports: Sequence[int],
        mount: tuple[Path, Report] | None = None,
    ) -> Confinement | None:
        """Of a job's replica.

        Args:
            write: its folders.
            access: of its job.
            network: of its execution.
            ports: on which the replicas of the job listen.
            mount: for its ``/gcs``: a folder for files that are being written, and what is called for refusals; None:
                it has none.
        """
        layers = await self._layers()
        serve = partial(_mount, access.mount, *mount) if mount and access and access.mount else None
        if self._means is None or layers is None:
            return Confinement(files=False, ports=None, mount=serve, is_free=True) if sys.platform == "linux" else None
        read = (*(access.files if access else ()), *self._means.reads)
        allowed = (*([access.port] if access else []), *ports, _ANY_FREE_PORT)
        confinement = await self._confinement(layers, [interpreter], import_path, read, write, network, allowed)
        return replace(confinement, max_processes=self._means.job_processes, mount=serve)

    @asynccontextmanager
    async def offline(
        self,
        interpreters: Sequence[Interpreter],
        import_path: Sequence[Path],
        *,
        read: Sequence[Path] = (),
        write: Sequence[Path],
    ) -> AsyncIterator[Confinement | None]:
        """Of a process that reaches no network. It is to be started before the block ends.

        Args:
            interpreters: that it and the processes that it starts run in.

        Raises:
            CloudError: its network cannot be made.
        """
        layers = await self._layers()
        if self._means is None or layers is None:
            yield None
            return
        network = None
        if layers.network.is_held:
            network = await self._means.networks.create_network(_ANY_FREE_PORT)
            network.listening.close()
        try:
            yield await self._confinement(layers, interpreters, import_path, read, write, network, ())
        finally:
            if network:
                network.close()

    async def _layers(self) -> "Layers | None":
        return await self._means.layers() if self._means else None

    async def _confinement(
        self,
        layers: "Layers",
        interpreters: Sequence[Interpreter],
        import_path: Sequence[Path],
        read: Sequence[Path],
        write: Sequence[Path],
        network: Network | None,
        ports: tuple[int, ...],
    ) -> Confinement:
        pythons = [path for interpreter in interpreters for path in await self._paths.of(interpreter)]
        imported = await asyncio.to_thread(self._paths.of_import_path, import_path)
        return Confinement(
            read=(*pythons, *imported, *read),
            write=tuple(write),
            network=network,
            ports=ports if layers.ports.is_held else None,
            files=layers.files.is_held,
            signals=layers.signals.is_held,
        )


def _mount(
    serve: Callable[[int, Path, Report], Callable[[], None]], folder: Path, report: Report, device: int
) -> Callable[[], None]:
    return serve(device, folder, report)


UNCONFINED = Confiner()
