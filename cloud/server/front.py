"""``Front``: what programs meet of a cloud on this machine, wherever its answers come from."""

from collections.abc import Callable

from cloud.emulator.app import Dialect, Emulator
from cloud.emulator.oauth2.tokens import TokenRegistry
from cloud.engine.state_folder import StateFolder
from cloud.gateway.tunnel import Gateway, Refusal
from cloud.server.owner_access import OwnerAccess
from cloud.settings import Settings


class Front:
    """The gateway, the emulator behind it, to which dialects may be added, and the owner's way in.

    Args:
        storage: the dialect of Cloud Storage.
        door: its maker closes it.
        on_refusal: told of each request for a host that is not emulated.
    """

    def __init__(
        self,
        settings: Settings,
        state: StateFolder,
        storage: Dialect,
        door: OwnerAccess,
        on_refusal: Callable[[Refusal], None] | None = None,
    ) -> None:
        self.tokens = TokenRegistry()
        self.emulator = Emulator(settings.project, settings.region, storage, self.tokens, door.keys)
        self.gateway = Gateway(self.emulator, state.folder("gateway"), on_refusal, port=settings.port)
        self._door = door

    async def start(self) -> None:
        """Raises:
        FailedPrecondition: the port cannot be had.
        """
        await self.gateway.start()

    async def close(self) -> None:
        """Take no more requests, and end the answers under way. Also after a ``start`` that failed."""
        await self.gateway.close()
        await self.emulator.close()

    async def owner_environ(self) -> dict[str, str]:
        """What a program is to be started with that uses this cloud as its owner; ``CONFLICTING`` is to be unset. Makes
        a key and what else it needs, once."""
        return await self._door.environ(self.gateway, self.emulator)
