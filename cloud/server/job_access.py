"""How jobs reach the emulated APIs: the gateway, which also listens in the network of each job that has one."""

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from socket import socket

from cloud.emulator.app import Emulator, RequestSource
from cloud.engine.confinement.confiner import Access, Report, WriteLog
from cloud.engine.principal import Principal
from cloud.engine.state_folder import write_private
from cloud.engine.storage.service import StorageService
from cloud.gateway.environ import boto_configuration, client_environ
from cloud.gateway.listener import Refusal
from cloud.gateway.tunnel import Gateway
from cloud.server.data_server import VARIABLE as DATA_SERVER
from cloud.server.data_server import write_data_server


def job_environ(gateway: Gateway, project: str, folder: Path) -> dict[str, str]:
    """The variables of processes that act as the ML service account.

    Args:
        gateway: which is started.
        folder: for files that they name.
    """
    boto_file = folder / "boto"
    write_private(
        boto_file,
        boto_configuration(
            proxy_url=gateway.url, ca_file=gateway.ca_file, project=project, credentials=None, state_dir=None
        ),
    )
    environ = client_environ(
        proxy_url=gateway.url, ca_file=gateway.ca_file, metadata_host=gateway.address, project=project
    )
    return {**environ, "BOTO_CONFIG": str(boto_file), **write_data_server(folder / "tensorboard-data-server")}


def job_access(
    gateway: Gateway, emulator: Emulator, environ: Mapping[str, str], storage: StorageService, principal: Principal
) -> Access:
    """
    Args:
        gateway: which is started.
        environ: see ``job_environ``.
        storage: whose buckets jobs find in ``/gcs``.
        principal: as whom they use them there.
    """

    def mount(device: int, folder: Path, report: Report) -> Callable[[], None]:
        # Not before a job has it: most clouds run none.
        from cloud.engine.storage.mount.buckets import BucketFolders
        from cloud.engine.storage.mount.connection import MountConnection
        from cloud.engine.storage.mount.files import Files

        return MountConnection(device, Files(BucketFolders(storage, principal, report), folder)).close

    async def serve(listening: socket, report: Report, write_log: WriteLog) -> Callable[[], Awaitable[None]]:
        def on_refusal(refusal: Refusal) -> None:
            report(f"refused: {refusal.host}:{refusal.port} is not emulated here")

        source = RequestSource(on_denial=report, write_log=write_log)
        grpc = emulator.grpc_protocols(source)
        listener = await gateway.add_listener(
            emulator.protocols(source),
            http2_factory=grpc,
            on_refusal=on_refusal,
            listening=listening,
            checks_callers=False,
        )

        async def close() -> None:
            await gateway.remove_listener(listener)
            await grpc.close()

        return close

    files = (Path(environ[name]) for name in ("BOTO_CONFIG", DATA_SERVER))
    _, _, port = gateway.address.rpartition(":")
    return Access(int(port), (gateway.ca_file, *files), serve, mount)
