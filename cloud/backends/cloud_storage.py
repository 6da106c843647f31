"""``CloudStorageBackend``: the storage methods of ``Backend``, on Google's Cloud Storage or the emulated one."""

from pathlib import Path

from cloud.backends.base import Backend, OnProgress
from cloud.gcs.client import StorageClient
from cloud.names import GsUri
from cloud.resources import Access, Bucket, StoredObject


class CloudStorageBackend(Backend):
    """Subclasses implement jobs, models, predictions and ``ml_service_account``."""

    _storage: StorageClient
    """With the project owner's credentials."""

    # ---------------------------------------------------------------- buckets

    async def create_bucket(self, name: str, *, location: str | None = None) -> Bucket:
        return await self._storage.create_bucket(name, location=location or self.region)

    async def get_bucket(self, name: str) -> Bucket:
        return await self._storage.get_bucket(name)

    async def list_buckets(self) -> list[Bucket]:
        return await self._storage.list_buckets()

    async def delete_bucket(self, name: str) -> None:
        await self._storage.delete_bucket(name)

    # ---------------------------------------------------------------- objects

    async def upload(
        self, source: Path, destination: GsUri, *, on_progress: OnProgress | None = None
    ) -> list[StoredObject]:
        return await self._storage.upload(source, destination, on_progress=on_progress)

    async def download(self, source: GsUri, destination: Path, *, on_progress: OnProgress | None = None) -> list[Path]:
        return await self._storage.download(source, destination, on_progress=on_progress)

    async def read_object(self, uri: GsUri) -> bytes:
        return await self._storage.read_object(uri)

    async def write_object(
        self, uri: GsUri, data: bytes, *, content_type: str = "application/octet-stream"
    ) -> StoredObject:
        return await self._storage.write_object(uri, data, content_type=content_type)

    async def list_objects(self, uri: GsUri) -> list[StoredObject]:
        return await self._storage.list_objects(uri)

    async def delete_objects(self, uri: GsUri) -> int:
        return await self._storage.delete_objects(uri)

    # ---------------------------------------------------------------- grants

    async def grant(self, bucket: str, account: str, access: Access) -> None:
        await self._storage.grant(bucket, account, access)
