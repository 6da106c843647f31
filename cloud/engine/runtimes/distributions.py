"""The distributions in the folders of an import path, found by the names of their metadata's folders."""

import functools
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import PathDistribution
from pathlib import Path

from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import InvalidVersion, Version


@dataclass(frozen=True, slots=True)
class Distribution:
    """
    Args:
        info: its ``.dist-info`` or ``.egg-info``.
    """

    name: NormalizedName
    version: str
    info: Path

    @property
    def folder(self) -> Path:
        return self.info.parent

    @property
    def requires(self) -> list[str]:
        """Its requirements, with their markers."""
        return PathDistribution(self.info).requires or []

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


class Distributions:
    """What is found in ``folders``: of two with one name the first, as in an import."""

    def __init__(self, folders: Iterable[Path]) -> None:
        found: dict[NormalizedName, Distribution] = {}
        for folder in folders:
            for distribution in _scan(folder):
                found.setdefault(distribution.name, distribution)
        self._found: Mapping[NormalizedName, Distribution] = found

    def get(self, name: str) -> Distribution | None:
        return self._found.get(canonicalize_name(name))

    def __iter__(self) -> Iterator[Distribution]:
        return iter(self._found.values())

    def freeze(self) -> list[str]:
        """``NAME==VERSION`` of each, sorted."""
        return sorted(f"{found.name}=={found.version}" for found in self)


def _scan(folder: Path) -> tuple[Distribution, ...]:
    try:
        return _scan_unchanged(folder, folder.stat().st_mtime_ns)
    except OSError:  # an entry of an import path need not exist
        return ()


@functools.lru_cache(maxsize=64)
def _scan_unchanged(folder: Path, _changed: int) -> tuple[Distribution, ...]:
    with os.scandir(folder) as entries:
        names = sorted(entry.name for entry in entries if entry.name.endswith((".dist-info", ".egg-info")))
    return tuple(filter(None, (_read(folder / name) for name in names)))


def _read(info: Path) -> Distribution | None:
    name, _, version = info.stem.partition("-")
    if info.suffix == ".dist-info":
        return _distribution(name, version, info) if (info / "METADATA").exists() else None
    # NAME.egg-info, NAME-VERSION.egg-info or NAME-VERSION-pyX.Y.egg-info: the version has to be read.
    metadata = PathDistribution(info).metadata
    if "Name" not in metadata or "Version" not in metadata:
        return None
    return _distribution(metadata["Name"], metadata["Version"], info)


def _distribution(name: str, version: str, info: Path) -> Distribution | None:
    try:
        Version(version)
    except InvalidVersion:  # no tool of today can compare it
        return None
    return Distribution(canonicalize_name(name), version, info)
