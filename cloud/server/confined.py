"""``Confined``: how the processes of a cloud are confined, by its settings and as far as this machine can."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from cloud.engine.confinement.policy import Notices, Secret, check_reads, notices
from cloud.settings import ConfineMode, Settings

if TYPE_CHECKING:
    from cloud.engine.confinement.layers import Layers


class Confined:
    """What this machine can is found when it is asked for: a cloud around a short command need not wait for it.

    Args:
        state: the state folder.

    Raises:
        InvalidArgument: a folder that jobs are to read does not exist, or holds the state folder.
    """

    def __init__(self, settings: Settings, state: Path) -> None:
        self._mode = settings.confine
        self.reads = check_reads(settings.job_reads, state)
        """Folders that all jobs may read."""
        self._secrets = (
            Secret("the state folder", state, "choose another with --state"),
            Secret("your home folder", Path.home(), "keep what is secret elsewhere"),
        )

    @property
    def secrets(self) -> tuple[Path, ...]:
        """Folders that no process may read."""
        return tuple(secret.path for secret in self._secrets)

    async def layers(self) -> "Layers | None":
        """What this machine can and is to do; None: nothing."""
        if self._mode is ConfineMode.OFF:
            return None
        from cloud.engine.confinement.layers import probe

        layers = await asyncio.to_thread(probe)
        held = (layers.files, layers.signals, layers.network, layers.ports)
        return layers if any(layer.is_held for layer in held) else None

    async def notices(self) -> Notices:
        """What a person is told of it.

        Raises:
            FailedPrecondition: this machine cannot do what the settings require.
        """
        if self._mode is ConfineMode.OFF:
            return notices(self._mode, None, (), ())
        from cloud.engine.confinement.layers import probe
        from cloud.engine.confinement.paths import SYSTEM, installation

        layers = await asyncio.to_thread(probe)
        return notices(self._mode, layers, (*SYSTEM, *installation(), *self.reads), self._secrets)
