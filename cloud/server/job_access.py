"""How jobs reach the emulated APIs, each as the account that it runs as.

That is the gateway, which also listens in the network of each execution that has one, or else at an address of its
own: so the listener tells the account, and whose log says what was refused.
"""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from socket import socket

from cloud.emulator.app import Emulator
from cloud.emulator.mounts import RequestSource
from cloud.engine.confinement.confiner import Access, Programs, Report
from cloud.engine.principal import Principal
from cloud.engine.state_folder import write_private
from cloud.engine.storage.service import StorageService
from cloud.errors import FailedPrecondition
from cloud.gateway.environ import boto_configuration, client_environ
from cloud.gateway.listener import Listener, Refusal
from cloud.gateway.tunnel import Gateway
from cloud.server.data_server import VARIABLE as DATA_SERVER
from cloud.server.data_server import write_data_server


class JobAccess:
    """Args:
    gateway: which is started. It ends what is served here.
    storage: whose buckets jobs find in ``/gcs``.
    folder: for files that the variables name.
    exists: whether there is an account of that e-mail address.
    """

    def __init__(
        self,
        gateway: Gateway,
        emulator: Emulator,
        storage: StorageService,
        project: str,
        folder: Path,
        exists: Callable[[str], bool],
    ) -> None:
        self._gateway, self._emulator, self._storage, self._exists = gateway, emulator, storage, exists
        self._project, self._folder = project, folder
        self._data_server = write_data_server(folder / "tensorboard-data-server")
        self._opened: dict[str, Access] = {}
        self._opening = asyncio.Lock()

    def environ(self, address: str, name: str = "boto") -> dict[str, str]:
        """The variables of processes that reach the APIs at ``address``.

        Args:
            name: of gsutil's configuration, which is written.
        """
        boto_file, url, ca_file = self._folder / name, f"http://{address}", self._gateway.ca_file
        boto = boto_configuration(
            proxy_url=url, ca_file=ca_file, project=self._project, credentials=None, state_dir=None
        )
        write_private(boto_file, boto)
        environ = client_environ(proxy_url=url, ca_file=ca_file, metadata_host=address, project=self._project)
        # gcloud and gsutil have libraries of their own, in whose place they would import the job's packages, which are
        # in PYTHONPATH. https://cloud.google.com/sdk/gcloud/reference/topic/startup
        own_python = {"CLOUDSDK_PYTHON_ARGS": "-E"}
        return {**environ, "BOTO_CONFIG": str(boto_file), **own_python, **self._data_server}

    async def of(self, account: str) -> Access:
        """The access of jobs that run as the account of this e-mail address.

        Raises:
            FailedPrecondition: it was deleted.
        """
        if not self._exists(account):
            raise FailedPrecondition(f"The job's service account {account} does not exist: it was deleted.")
        async with self._opening:
            if account not in self._opened:
                source = RequestSource(account=Principal(account))
                listener = await self._gateway.add_listener(
                    self._emulator.protocols(source), http2_factory=self._emulator.grpc_protocols(source)
                )
                self._opened[account] = self._access(account, listener.address, f"boto-{len(self._opened)}")
        return self._opened[account]

    def _access(self, account: str, address: str, name: str) -> Access:
        environ = self.environ(address, name)
        _, _, port = address.rpartition(":")
        files = (self._gateway.ca_file, Path(environ["BOTO_CONFIG"]), Path(environ[DATA_SERVER]))
        serve, alone = partial(self._serve, account), partial(self._alone, account)
        return Access(int(port), files, serve, environ, alone, partial(self._mount, account))

    def _mount(self, account: str, device: int, folder: Path, report: Report) -> Callable[[], None]:
        # Not before a job has it: most clouds run none.
        from cloud.engine.storage.mount.buckets import BucketFolders
        from cloud.engine.storage.mount.connection import MountConnection
        from cloud.engine.storage.mount.files import Files

        def on_refusal(why: str) -> None:
            report(why, "")

        folders = BucketFolders(self._storage, Principal(account), on_refusal)
        return MountConnection(device, Files(folders, folder)).close

    async def _serve(self, account: str, listening: socket, programs: Programs) -> Callable[[], Awaitable[None]]:
        _, close = await self._listen(account, programs, listening)
        return close

    async def _alone(self, account: str, programs: Programs) -> tuple[Access, Callable[[], Awaitable[None]]]:
        listener, close = await self._listen(account, programs, None)
        access = self._access(account, listener.address, f"boto-at-{listener.address.rpartition(':')[2]}")

        async def end() -> None:
            await close()
            _remove_files(access)

        return access, end

    async def _listen(
        self, account: str, programs: Programs, listening: socket | None
    ) -> tuple[Listener, Callable[[], Awaitable[None]]]:
        """
        Args:
            listening: in a network of its own; None: on a free port of this machine's loopback interface.
        """

        report = programs.report

        def on_refusal(refusal: Refusal) -> None:
            where = f"{refusal.host}:{refusal.port}"
            report(f"refused: {where} is not one of Google's APIs, and this cloud is offline", where)

        def on_not_emulated(host: str, why: str) -> None:
            report(f"refused: {why}", host)

        def on_denial(why: str) -> None:
            report(why, "")

        source = RequestSource(
            on_denial=on_denial,
            on_not_emulated=on_not_emulated,
            write_log=programs.write_log,
            account=Principal(account),
            job_id=programs.job_id,
        )
        grpc = self._emulator.grpc_protocols(source)
        listener = await self._gateway.add_listener(
            self._emulator.protocols(source),
            http2_factory=grpc,
            on_refusal=on_refusal,
            listening=listening,
            checks_callers=listening is None,
        )

        async def close() -> None:
            await self._gateway.remove_listener(listener)
            await grpc.close()

        return listener, close


def _remove_files(access: Access) -> None:
    """Those that are its alone."""
    Path(access.environ["BOTO_CONFIG"]).unlink()
