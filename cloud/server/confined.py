"""``Confined``: how the processes of a cloud are confined, by its settings and as far as this machine can."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

from cloud.engine.confinement.layers import Layers, probe
from cloud.engine.confinement.paths import SYSTEM, installation
from cloud.engine.confinement.policy import Notices, Secret, check_reads, notices
from cloud.settings import ConfineMode, Settings


@dataclass(frozen=True, slots=True)
class Confined:
    """
    Args:
        layers: what this machine can.
        reads: folders that all jobs may read.
        secrets: folders that no process may read.
    """

    layers: Layers
    reads: tuple[Path, ...]
    secrets: tuple[Path, ...]


async def confine(settings: Settings, state: Path) -> tuple[Confined | None, Notices]:
    """How processes are confined, None if not at all; and what a person is told of it at the start.

    Args:
        state: the state folder.

    Raises:
        InvalidArgument: a folder that jobs are to read does not exist, or holds the state folder.
        FailedPrecondition: this machine cannot do what the settings require.
    """
    reads = check_reads(settings.job_reads, state)
    if settings.confine is ConfineMode.OFF:
        return None, notices(settings.confine, None, (), ())
    layers = await asyncio.to_thread(probe)
    secrets = [
        Secret("the state folder", state, "choose another with --state"),
        Secret("your home folder", Path.home(), "keep what is secret elsewhere"),
    ]
    told = notices(settings.confine, layers, (*SYSTEM, *installation(), *reads), secrets)
    can_confine = any(layer.is_held for layer in (layers.files, layers.signals, layers.network, layers.ports))
    return Confined(layers, reads, tuple(secret.path for secret in secrets)) if can_confine else None, told
