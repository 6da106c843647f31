"""``ServedCloud``: the base class of the clouds that ``cloud.serve`` runs."""

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from cloud.engine.state_folder import StateFolder
from cloud.folders.sweep import sweep, system_folders
from cloud.server import open_files
from cloud.settings import Settings

if TYPE_CHECKING:
    from cloud.engine.confinement.policy import Notices
    from cloud.gateway.listener import Refusal
    from cloud.server.front import Front

log = logging.getLogger(__name__)


class ServedCloud(ABC):
    """A cloud on this machine: its state folder, its front and the services behind it. Use as an async context manager.

    Args:
        on_refusal: called for each request for a host or a method that is not served.

    Raises:
        FailedPrecondition: on entering, if the state folder, the port or a service of the cloud cannot be used, or too
            few files can be open.
    """

    def __init__(self, settings: Settings, *, on_refusal: "Callable[[Refusal], None] | None" = None) -> None:
        self.settings, self._on_refusal = settings, on_refusal
        self._parts = AsyncExitStack()
        """Closed at the end, the latest first."""
        self._sweeping: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        try:
            open_files.provide(self.settings)
            self._state = StateFolder(self.settings.state_dir)
            self._parts.push_async_callback(self._finish_sweeping)
            self._parts.callback(self._state.close)
            self._front = await self._start()
            # Not before: it may have much to remove.
            self._sweeping = asyncio.create_task(asyncio.to_thread(self._sweep))
        except BaseException:
            await self._parts.aclose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._parts.aclose()

    @abstractmethod
    async def _start(self) -> "Front":
        """Start every service and register its ``close`` in ``_parts``."""

    def _sweep(self) -> None:
        """Remove what clouds of this user that were killed have left. Runs in a thread, which the end waits for."""
        sweep(system_folders())

    async def _finish_sweeping(self) -> None:
        try:
            if self._sweeping is not None:
                await self._sweeping
        except OSError as error:
            log.warning("what killed clouds left could not be removed: %s", error)

    async def notices(self) -> "Notices | None":
        """What a person is told of how jobs are confined; None: this cloud runs none."""
        return None

    @property
    def url(self) -> str:
        """``http://127.0.0.1:PORT`` of the gateway, the proxy that every client of this cloud uses."""
        return self._front.gateway.url

    @property
    def state_dir(self) -> Path:
        return self._state.path

    @property
    def refusals(self) -> "list[Refusal]":
        """Requests for hosts and methods that are not served."""
        return self._front.refusals

    @property
    @abstractmethod
    def violations(self) -> list[str]:
        """What strict access control would have refused (``IamMode.SOFT``), one line for each kind of request."""

    async def owner_environ(self) -> dict[str, str]:
        """The variables for a program that uses this cloud as its owner; the caller must unset ``CONFLICTING``."""
        return await self._front.owner_environ()
