"""``Front``: the gateway and the emulator of a cloud on this machine, whatever serves its requests."""

import logging
from collections.abc import Callable

from cloud.emulator.app import Emulator
from cloud.emulator.mounts import EmulatedApi, RequestSource
from cloud.emulator.not_emulated.tally import NotEmulated
from cloud.emulator.oauth2.tokens import TokenRegistry
from cloud.emulator.recorder import Recorder
from cloud.engine.state_folder import StateFolder
from cloud.gateway.listener import Refusal
from cloud.gateway.tunnel import Gateway
from cloud.server import open_files
from cloud.server.owner_access import OwnerAccess
from cloud.settings import Settings

_log = logging.getLogger(__name__)


class Front:
    """The gateway, the emulator behind it, and the owner's access. More APIs can be mounted on ``emulator``.

    Args:
        storage: the API of Cloud Storage.
        owner_access: the caller closes it.
        on_refusal: called for each request for a host or a method that is not emulated.
        account_exists: see ``TokenRegistry``.
    """

    def __init__(
        self,
        settings: Settings,
        state: StateFolder,
        storage: EmulatedApi,
        owner_access: OwnerAccess,
        on_refusal: Callable[[Refusal], None] | None = None,
        account_exists: Callable[[str], bool] = lambda _: True,
    ) -> None:
        self.tokens = TokenRegistry(account_exists=account_exists)
        self._on_refusal = on_refusal
        self.emulator = Emulator(
            settings.project, settings.region, storage, self.tokens, owner_access.keys, self._not_emulated
        )
        self.gateway = Gateway(
            self.emulator,
            state.folder("gateway"),
            self._refused,
            http2_factory=self.emulator.grpc_protocols(RequestSource()),
            port=settings.port,
            max_connections=open_files.connections(settings),
        )
        self._owner_access = owner_access

    async def start(self) -> None:
        """Raises:
        FailedPrecondition: the port cannot be bound.
        """
        await self.gateway.start()

    async def close(self) -> None:
        """Close every connection, also those with requests in progress. Also after a ``start`` that failed."""
        await self.gateway.close()
        await self.emulator.close()

    @property
    def refusals(self) -> list[Refusal]:
        """What was asked for in vain."""
        return [*self.gateway.refusals, *map(_refusal, self.emulator.not_emulated)]

    def record(self) -> Recorder:
        """From now on, keep the latest requests; one recorder for all who read them."""
        if self.emulator.recorder is None:
            self.emulator.recorder = Recorder()
        return self.emulator.recorder

    def _refused(self, refusal: Refusal) -> None:
        """The gateway refused a host."""
        if recorder := self.emulator.recorder:
            recorder.refused(refusal.host, refusal.port)
        self._tell(refusal, "not one of Google's APIs")

    def _not_emulated(self, asked: NotEmulated) -> None:
        self._tell(_refusal(asked), "not emulated here")

    def _tell(self, refusal: Refusal, why: str) -> None:
        if self._on_refusal is not None:
            self._on_refusal(refusal)
        elif refusal.count == 1:
            _log.warning("refused: %s is %s", refusal.what, why)

    async def owner_environ(self) -> dict[str, str]:
        """The variables for a program that uses this cloud as its owner; the caller must unset ``CONFLICTING``.

        The first call writes the key and other files that they name.
        """
        return await self._owner_access.environ(self.gateway, self.emulator)


def _refusal(asked: NotEmulated) -> Refusal:
    return Refusal(asked.host, 443, asked.count, asked.method)
