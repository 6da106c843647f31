"""How jobs reach the emulated APIs: the gateway, which also listens in the network of each job that has one."""

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from socket import socket

from cloud.emulator.app import Emulator, RequestSource
from cloud.engine.confinement.confiner import Access, Report
from cloud.engine.state_folder import write_private
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


def job_access(gateway: Gateway, emulator: Emulator, environ: Mapping[str, str]) -> Access:
    """
    Args:
        gateway: which is started.
        environ: see ``job_environ``.
    """

    async def serve(listening: socket, report: Report) -> Callable[[], Awaitable[None]]:
        def on_refusal(refusal: Refusal) -> None:
            where = f"{refusal.host}:{refusal.port}"
            report(f"refused: {where} is not one of Google's APIs, and this cloud is offline", where)

        def on_not_emulated(host: str, why: str) -> None:
            report(f"refused: {why}", host)

        def on_denial(why: str) -> None:
            report(why, "")

        source = RequestSource(on_denial=on_denial, on_not_emulated=on_not_emulated)
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
    return Access(int(port), (gateway.ca_file, *files), serve)
