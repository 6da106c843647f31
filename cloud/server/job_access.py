"""How jobs reach the emulated APIs: the gateway, which also listens in the network of each job that has one."""

from collections.abc import Awaitable, Callable
from functools import partial
from socket import socket

from cloud.emulator.app import Emulator, RequestSource
from cloud.engine.confinement.confiner import Access, Report
from cloud.gateway.listener import Refusal
from cloud.gateway.tunnel import Gateway


def job_access(gateway: Gateway, emulator: Emulator) -> Access:
    """
    Args:
        gateway: which is started.
    """

    async def serve(listening: socket, report: Report) -> Callable[[], Awaitable[None]]:
        def on_refusal(refusal: Refusal) -> None:
            report(f"refused: {refusal.host}:{refusal.port} is not emulated here")

        protocols = emulator.protocols(RequestSource(on_denial=report))
        listener = await gateway.add_listener(
            protocols, on_refusal=on_refusal, listening=listening, checks_callers=False
        )
        return partial(gateway.remove_listener, listener)

    _, _, port = gateway.address.rpartition(":")
    return Access(int(port), gateway.ca_file, serve)
