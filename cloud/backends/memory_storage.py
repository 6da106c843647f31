"""The storage part of ``MemoryBackend``: buckets, objects and grants in memory."""

import itertools
import mimetypes
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from cloud.backends.base import Backend, OnProgress
from cloud.errors import AlreadyExists, FailedPrecondition, NotFound
from cloud.gcs.transfers import Progress, plan_download, plan_upload
from cloud.names import GsUri, check_bucket, check_email, check_object
from cloud.resources import Access, Bucket, StoredObject

_OCTETS = "application/octet-stream"


class MemoryStorage(Backend):
    """The methods of ``Backend`` for storage."""

    def __init__(self, objects: Mapping[str, bytes], service_account: str) -> None:
        self._service_account = service_account
        self.grants: set[tuple[str, str, Access]] = set()
        """Bucket, account and access."""
        self._buckets: dict[str, Bucket] = {}
        self._objects: dict[GsUri, tuple[StoredObject, bytes]] = {}
        self._generations = itertools.count(1)
        for text, data in objects.items():
            uri = GsUri.parse(text)
            self._buckets.setdefault(uri.bucket, Bucket(uri.bucket, self.region.upper(), datetime.now(UTC)))
            self._store(uri, data, _OCTETS)

    # ---------------------------------------------------------------- buckets

    async def create_bucket(self, name: str, *, location: str | None = None) -> Bucket:
        check_bucket(name)
        if name in self._buckets:
            raise AlreadyExists(f"The bucket name {name!r} is taken.", field="name")
        self._buckets[name] = Bucket(name, (location or self.region).upper(), datetime.now(UTC))
        return self._buckets[name]

    async def get_bucket(self, name: str) -> Bucket:
        if name not in self._buckets:
            raise NotFound(f"The specified bucket does not exist: {name}")
        return self._buckets[name]

    async def list_buckets(self) -> list[Bucket]:
        return [self._buckets[name] for name in sorted(self._buckets)]

    async def delete_bucket(self, name: str) -> None:
        await self.get_bucket(name)
        if any(uri.bucket == name for uri in self._objects):
            raise FailedPrecondition(f"The bucket {name!r} holds objects: delete them first.")
        del self._buckets[name]
        self.grants = {grant for grant in self.grants if grant[0] != name}

    # ---------------------------------------------------------------- objects

    async def write_object(self, uri: GsUri, data: bytes, *, content_type: str = _OCTETS) -> StoredObject:
        check_object(uri.path)
        await self.get_bucket(uri.bucket)
        return self._store(uri, data, content_type)

    def _store(self, uri: GsUri, data: bytes, content_type: str) -> StoredObject:
        stored = StoredObject(uri, len(data), next(self._generations), content_type, datetime.now(UTC))
        self._objects[uri] = stored, bytes(data)
        return stored

    async def read_object(self, uri: GsUri) -> bytes:
        if uri not in self._objects:
            raise NotFound(f"No such object: {uri}")
        return self._objects[uri][1]

    async def list_objects(self, uri: GsUri) -> list[StoredObject]:
        await self.get_bucket(uri.bucket)
        found = [
            stored
            for stored, _ in self._objects.values()
            if stored.uri.bucket == uri.bucket and uri.matches(stored.uri.path)
        ]
        return sorted(found, key=lambda stored: stored.uri.path.encode())

    async def delete_objects(self, uri: GsUri) -> int:
        found = await self.list_objects(uri)
        for stored in found:
            del self._objects[stored.uri]
        return len(found)

    async def upload(
        self, source: Path, destination: GsUri, *, on_progress: OnProgress | None = None
    ) -> list[StoredObject]:
        plan = plan_upload(source, destination)
        progress = Progress([path.stat().st_size for path, _ in plan], on_progress)
        stored = []
        for index, (path, uri) in enumerate(plan):
            content_type = mimetypes.guess_type(path.name)[0] or _OCTETS
            stored.append(await self.write_object(uri, path.read_bytes(), content_type=content_type))
            progress.finished(index)
        return stored

    async def download(self, source: GsUri, destination: Path, *, on_progress: OnProgress | None = None) -> list[Path]:
        objects = await self.list_objects(source)
        if not objects:
            raise NotFound(f"No object matches {source}")
        plan = plan_download(source, objects, destination)
        progress = Progress([found.size for found, _, _ in plan], on_progress)
        for index, (found, path, folder) in enumerate(plan):
            folder.mkdir(parents=True, exist_ok=True)
            if path is not None:
                path.write_bytes(await self.read_object(found.uri))
            progress.finished(index)
        return [folder if path is None else path for _, path, folder in plan]

    # ---------------------------------------------------------------- grants

    async def ml_service_account(self) -> str:
        return self._service_account

    async def grant(self, bucket: str, account: str, access: Access) -> None:
        check_email(account)
        await self.get_bucket(bucket)
        self.grants.add((bucket, account, access))
