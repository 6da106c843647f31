"""The source of a build: an archive in Cloud Storage, unpacked to where its steps find it."""

import asyncio
from collections.abc import Mapping
from pathlib import Path

from cloud.backends.base import Backend
from cloud.emulator.cloudbuild_v1.docker import Log
from cloud.engine.jobs.archives import unpack_tar
from cloud.engine.jobs.zip_archives import open_zip, unpack_zip
from cloud.errors import NotFound
from cloud.names import GsUri
from cloud.resources import Json

_SHOWN = 10
"""Links that the log names."""


async def fetch(backend: Backend, source: Mapping[str, Json], folder: Path, workspace: Path, log: Log) -> Json:
    """Unpack ``Build.source`` into ``workspace``; returns its ``SourceProvenance``.

    Args:
        folder: for the archive.

    Raises:
        CloudError: there is no such archive, or it cannot be unpacked.
    """
    wanted = source["storageSource"]
    uri = GsUri(wanted["bucket"], wanted["object"])
    log(f"Fetching storage object: {uri}#{wanted.get('generation', '')}")
    found = next((each for each in await backend.list_objects(uri) if each.uri == uri), None)
    if found is None:
        raise NotFound(f"could not find the source: there is no object {uri}")
    if wanted.get("generation", "0") not in ("0", str(found.generation)):
        raise NotFound(
            f"could not find the source: {uri} has the generation {found.generation} now, not {wanted['generation']}"
        )
    log(f"Copying {uri}#{found.generation}...")
    archive = folder / ("source.zip" if uri.path.endswith(".zip") else "source.tgz")
    await backend.download(uri, archive)
    left_out = await asyncio.to_thread(_unpack, archive, workspace)
    archive.unlink()
    if left_out:
        shown = ", ".join(left_out[:_SHOWN]) + (", ..." if len(left_out) > _SHOWN else "")
        log(f"Symbolic links that lead to no file of the source are left out: {shown}")
    log(f"Operation completed over 1 objects/{found.size / 1024:.1f} KiB.")
    resolved = {"bucket": uri.bucket, "object": uri.path, "generation": str(found.generation)}
    return {"resolvedStorageSource": resolved}


def _unpack(archive: Path, folder: Path) -> list[str]:
    """Returns the links that are left out."""
    left_out: list[str] = []
    if archive.suffix == ".zip":
        with open_zip(archive) as opened:
            unpack_zip(opened, archive.name, folder, lambda member: member)
    else:
        unpack_tar(archive, folder, left_out)
    return left_out
