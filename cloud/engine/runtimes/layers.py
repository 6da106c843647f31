"""The store of layers: packages that come before a runtime's own, each layer built once and used by many jobs.

ABSENT -> BUILDING (a private folder, locked by its process) -> READY by rename. Clouds share it without further locks:
of two that build the same layer one renames first, and the other uses that.
"""

import errno
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cloud.engine.disk import disk_full
from cloud.errors import FailedPrecondition, ResourceExhausted
from cloud.folders import temporary
from cloud.folders.temporary import Kind

_CONTENT = "layer.json"


@dataclass(frozen=True, slots=True)
class Layer:
    """
    Args:
        folder: holds what was built in it.
        installed: ``NAME==VERSION`` of each package in it.
        replaced: those of the runtime that it replaces.
        warnings: for the log of each job that uses it.
    """

    folder: Path
    installed: tuple[str, ...]
    replaced: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


class Layers:
    """
    Args:
        folder: of the layers, created when it is needed.
        fallback: for new layers where ``folder`` cannot be written.
    """

    def __init__(self, folder: Path, fallback: Path | None = None) -> None:
        self._folder = folder
        self._fallback = fallback

    def find(self, key: str) -> Layer | None:
        """The layer of this key, if it was built."""
        stores = (self._folder, self._fallback) if self._fallback else (self._folder,)
        return next(filter(None, (_read(store / key) for store in stores)), None)

    @contextmanager
    def building(self) -> Iterator[tuple[Path, int]]:
        """A private folder to build a layer in, removed at the end unless ``finish`` made it a layer; and the file
        descriptor of its lock, for processes that write to it: they may outlive this one.

        Raises:
            FailedPrecondition: the store cannot be written.
            ResourceExhausted: the disk is full; also if that is found in the ``with`` block.
        """
        try:
            with self._private_folder() as building:
                yield building
        except OSError as error:
            raise self._explain(error) from error

    def finish(self, key: str, layer: Layer) -> Layer:
        """Make what was built in ``layer.folder`` the layer of ``key``."""
        content = {"installed": layer.installed, "replaced": layer.replaced, "warnings": layer.warnings}
        (layer.folder / _CONTENT).write_text(json.dumps(content), encoding="utf-8")
        final = layer.folder.parent / key
        try:
            layer.folder.rename(final)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
            if found := _read(final):  # another cloud was quicker
                return found
            shutil.rmtree(final)  # damaged
            layer.folder.rename(final)
        return Layer(final, layer.installed, layer.replaced, layer.warnings)

    @contextmanager
    def _private_folder(self) -> Iterator[tuple[Path, int]]:
        store = self._choose()
        for leftover in temporary.leftovers(store):
            temporary.remove_tree(leftover)
        with temporary.temporary_folder(Kind.LAYER, store) as folder:
            folder.chmod(0o755)
            yield folder, temporary.lock_of(folder)

    def _choose(self) -> Path:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            if os.access(self._folder, os.W_OK):
                return self._folder
        except OSError:
            if self._fallback is None:
                raise
        if self._fallback is None:
            return self._folder
        self._fallback.mkdir(parents=True, exist_ok=True)
        return self._fallback

    def _explain(self, error: OSError) -> FailedPrecondition | ResourceExhausted:
        why, mend = f"{self._folder} ({error})", "point CLOUD_RUNTIMES to a folder on a disk that can be written"
        if disk_full(error):
            return ResourceExhausted(f"There is no room left for the store of runtimes {why}: free some, or {mend}")
        return FailedPrecondition(f"the store of runtimes {why} cannot be written: {mend}")


def _read(folder: Path) -> Layer | None:
    try:
        content = json.loads((folder / _CONTENT).read_text(encoding="utf-8"))
        return Layer(folder, *(tuple(content[name]) for name in ("installed", "replaced", "warnings")))
    except (OSError, ValueError, KeyError, TypeError):
        return None
