"""What ``--confine`` says about this machine: in words, or by refusing to start. Pure but for links in paths."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cloud.engine.confinement.real_paths import holds
from cloud.errors import FailedPrecondition, InvalidArgument
from cloud.settings import ConfineMode

if TYPE_CHECKING:
    from cloud.engine.confinement.layers import Layers

_OFF = "jobs are not confined (--confine off): they have your rights"


@dataclass(frozen=True, slots=True)
class Secret:
    """A folder that no job may read.

    Args:
        name: ``the state folder``.
        mend: what to do where jobs can.
    """

    name: str
    path: Path
    mend: str


@dataclass(frozen=True, slots=True)
class Notices:
    """What a person is told at the start.

    Args:
        line: what jobs are kept from.
        is_limited: whether this machine cannot do all.
        warnings: what jobs can read nevertheless.
    """

    line: str
    is_limited: bool = False
    warnings: tuple[str, ...] = ()

    @property
    def lines(self) -> tuple[str, ...]:
        return (self.line, *self.warnings)

    @property
    def unexpected(self) -> tuple[str, ...]:
        """Those that say more than what was asked for."""
        return self.lines if self.is_limited else self.warnings


def notices(mode: ConfineMode, layers: "Layers | None", readable: Sequence[Path], secrets: Iterable[Secret]) -> Notices:
    """What a person is told.

    Args:
        layers: what this machine can; None with ``off``.
        readable: folders that every job can read.

    Raises:
        FailedPrecondition: this machine cannot do what ``require`` asks for.
    """
    if mode is ConfineMode.OFF or layers is None:
        return Notices(_OFF)
    exposed = [_exposure(secret, folder) for secret in secrets if (folder := _below(secret.path, readable))]
    if mode is ConfineMode.REQUIRE and (problems := [*missing(layers), *exposed]):
        raise FailedPrecondition(f"jobs cannot be confined as --confine require asks: {'; '.join(problems)}")
    warnings = tuple(f"warning: {text}" for text in exposed if layers.files.is_held)
    is_limited = not all(layer.is_held for layer in (layers.files, layers.signals, layers.network))
    return Notices(describe(layers), is_limited, warnings)


def describe(layers: "Layers") -> str:
    """What jobs are kept from, and what not and why: ``jobs are confined: files, signals, network``."""
    held = [name for name, is_held in _held(layers).items() if is_held]
    if not held:
        reasons = "; ".join(missing(layers))
        return f"jobs are {reasons}" if reasons.startswith("not confined") else f"jobs are not confined: {reasons}"
    names = f"{held[0]} only" if len(held) == 1 else ", ".join(held)
    limit = []
    if layers.ports.is_held and not layers.network.is_held:
        limit = [f"only by TCP ports, since {layers.network.reason}"]
    return "; ".join((f"jobs are confined: {names}", *limit, *missing(layers)))


def missing(layers: "Layers") -> list[str]:
    """What jobs cannot be kept from here, each with the reason."""
    held = _held(layers)
    if layers.files == layers.signals == layers.network == layers.ports and not layers.files.is_held:
        return [layers.files.reason]
    network = layers.network.reason
    if layers.ports.reason not in network:
        network = f"{network}, and {layers.ports.reason}"
    reasons = {
        "files": f"not files: {layers.files.reason}",
        "signals": f"not signals: {layers.signals.reason}",
        "network": f"not the network: {network}",
    }
    return [text for name, text in reasons.items() if not held[name]]


def check_reads(folders: Iterable[Path], state: Path) -> tuple[Path, ...]:
    """The folders of ``--job-reads``, absolute.

    Raises:
        InvalidArgument: one does not exist, or holds the state folder.
    """
    checked = []
    for folder in folders:
        if not folder.is_dir():
            raise InvalidArgument(f"no such folder: {folder}", field="--job-reads")
        if holds(folder, [state]):
            raise InvalidArgument(
                f"{folder} holds the state folder {state}, which no job may read: choose a folder below it, "
                "or another state folder with --state",
                field="--job-reads",
            )
        checked.append(Path(os.path.abspath(folder)))
    return tuple(checked)


def _held(layers: "Layers") -> dict[str, bool]:
    return {
        "files": layers.files.is_held,
        "signals": layers.signals.is_held,
        "network": layers.network.is_held or layers.ports.is_held,
    }


def _below(path: Path, folders: Iterable[Path]) -> Path | None:
    return next((folder for folder in folders if holds(folder, [path])), None)


def _exposure(secret: Secret, folder: Path) -> str:
    return f"jobs can read {secret.name} {secret.path}, because it lies below {folder}, which they need: {secret.mend}"
