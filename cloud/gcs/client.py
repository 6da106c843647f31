"""``StorageClient``: Cloud Storage by gcloud-aio-storage, and by plain requests where that lacks a method (buckets,
access control).

The methods of ``cloud.backends.base.Backend`` with the same names specify these.
"""

import asyncio
import io
import mimetypes
import secrets
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

import aiohttp

from cloud.errors import Aborted, AlreadyExists, FailedPrecondition, NotFound, PermissionDenied
from cloud.gcs.backoff import Retries
from cloud.gcs.errors import map_errors, retryable_error
from cloud.gcs.retry import Sleep, call_with_retries, finish_before_cancel
from cloud.gcs.transfers import OnProgress, Progress, in_parallel, plan_download, plan_upload
from cloud.names import GsUri, check_bucket, check_email, check_object
from cloud.resources import Access, Bucket, Json, StoredObject

if TYPE_CHECKING:
    from cloud.gcs.gcloud_aio import GcloudAioStorage

Token = Callable[[], str | Awaitable[str]]
T = TypeVar("T")
REQUEST_ID_LABEL = "request-id"
"""Label of each created bucket, with a random value for each request."""
_BLOCK = 1 << 20
_OCTETS = "application/octet-stream"
# No timeout for a whole transfer, which may be long, but for connecting and each read.
_TIMEOUT: Any = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=300)
_AS_STORED = {"Accept-Encoding": "gzip"}
_ITEM_FIELDS = "name,size,generation,contentType,updated"
_ACL_FIELDS = "items(name,acl(entity,role)),nextPageToken"
_ROLES = {
    Access.READ: "roles/storage.objectViewer",
    Access.READ_NEW: "roles/storage.objectViewer",
    Access.WRITE: "roles/storage.legacyBucketWriter",
}
"""With uniform bucket-level access, which does not distinguish present and future objects
(https://cloud.google.com/storage/docs/access-control/iam-roles)."""
_MAX_POLICY_CONFLICTS = 10
"""Read-modify-write cycles of a policy that concurrent changes may spoil."""
_ROLES_BY_STRENGTH = ("READER", "WRITER", "OWNER")


class StorageClient:
    """Args:
    base_url: of the service, ``https://storage.googleapis.com``, or of a local cloud, ``http://127.0.0.1:PORT``.
    token: returns the current bearer token.
    project: in which buckets are listed and created.
    region: location of buckets that are created without one.
    labels: of created buckets. Unless it is None, each also gets a ``REQUEST_ID_LABEL``, by which a retry recognises a
        bucket that an earlier attempt created although its response was lost.
    session: creates the HTTP session.
    retries: of transient errors; ``sleep`` waits before each.
    renew: makes ``token`` return a new token, after Cloud Storage refused the current one with 401.
    """

    def __init__(
        self,
        base_url: str,
        token: Token,
        project: str,
        *,
        region: str = "us-central1",
        labels: Mapping[str, str] | None = None,
        session: Callable[[], aiohttp.ClientSession] = aiohttp.ClientSession,
        retries: Retries = Retries(attempts=4, first=0.2),  # noqa: B008 - a frozen value
        sleep: Sleep = asyncio.sleep,
        renew: Callable[[], Awaitable[object]] | None = None,
    ) -> None:
        self._base_url = base_url.rstrip("/")
        self._token = token
        self._session = session
        self._retries, self._sleep, self._renew = retries, sleep, renew
        self._labels = labels if labels is None else dict(labels)
        self._project = project
        self._region = region
        self._opened: GcloudAioStorage | None = None
        self._grant_lock = asyncio.Lock()

    async def close(self) -> None:
        if self._opened:
            storage, self._opened = self._opened, None
            await storage.close()

    # ---------------------------------------------------------------- buckets

    async def create_bucket(self, name: str, *, location: str | None = None) -> Bucket:
        request_id = secrets.token_hex(8)
        resource: Json = {"name": check_bucket(name), "location": location or self._region}
        if self._labels is not None:
            resource["labels"] = {**self._labels, REQUEST_ID_LABEL: request_id}

        async def find_created() -> Json:
            try:
                found = await self._call("GET", f"b/{name}")
            except (NotFound, PermissionDenied):  # the latter if the bucket is in another project
                return None
            return found if found.get("labels", {}).get(REQUEST_ID_LABEL) == request_id else None

        return _bucket(
            await finish_before_cancel(
                self._call("POST", "b", {"project": self._project}, resource, find_existing=find_created)
            )
        )

    async def get_bucket(self, name: str) -> Bucket:
        return _bucket(await self._call("GET", f"b/{quote(name, safe='')}"))

    async def labels(self, name: str) -> dict[str, str]:
        """The labels of a bucket."""
        return dict((await self._call("GET", f"b/{quote(name, safe='')}")).get("labels", {}))

    async def list_buckets(self) -> list[Bucket]:
        items = await self._pages("b", {"project": self._project})
        return sorted((_bucket(item) for item in items), key=lambda bucket: bucket.name)

    async def delete_bucket(self, name: str) -> None:
        path = f"b/{quote(name, safe='')}"

        async def find_deleted() -> Json:
            try:
                await self._call("GET", path)
            except NotFound:
                return {}
            return None

        try:
            await self._call("DELETE", path, find_existing=find_deleted)
        except AlreadyExists as error:
            # Google answers 409 "conflict" to a bucket that is not empty.
            raise FailedPrecondition(error.message) from error

    # ---------------------------------------------------------------- objects

    async def upload(
        self, source: Path, destination: GsUri, *, on_progress: OnProgress | None = None
    ) -> list[StoredObject]:
        plan = plan_upload(source, destination)
        progress = Progress([path.stat().st_size for path, _ in plan], on_progress)

        async def one(index: int) -> StoredObject:
            path, uri = plan[index]

            async def attempt() -> Json:
                with _ProgressFile(path, lambda position: progress.at(index, position)) as file:
                    return await self._insert(uri, file, mimetypes.guess_type(path.name)[0] or _OCTETS)

            stored = _object(uri.bucket, await self._retrying(attempt))
            progress.finished(index)
            return stored

        return await in_parallel(one, range(len(plan)))

    async def download(self, source: GsUri, destination: Path, *, on_progress: OnProgress | None = None) -> list[Path]:
        objects = await self.list_objects(source)
        if not objects:
            raise NotFound(f"no object matches {str(source)!r}")
        plan = plan_download(source, objects, destination)
        progress = Progress([found.size for found, _, _ in plan], on_progress)
        for _, _, folder in plan:
            folder.mkdir(parents=True, exist_ok=True)

        async def one(index: int) -> Path:
            found, path, folder = plan[index]
            if path is not None:
                target = path
                await self._retrying(
                    lambda: self._download_to(found.uri, target, lambda position: progress.at(index, position))
                )
            progress.finished(index)
            return folder if path is None else path

        return await in_parallel(one, range(len(plan)))

    async def _download_to(self, uri: GsUri, path: Path, on_position: Callable[[int], None]) -> None:
        # To another name first, so that ``path`` is complete whenever it exists.
        partial = path.with_name(f".download-{secrets.token_hex(8)}")
        try:
            with partial.open("xb") as file:
                response = await self._storage.download_stream(
                    quote(uri.bucket, safe=""), uri.path, headers=dict(_AS_STORED), timeout=_TIMEOUT
                )
                async with response:
                    while block := await response.read(_BLOCK):
                        file.write(block)
                        on_position(file.tell())
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)

    async def read_object(self, uri: GsUri) -> bytes:
        return await self._retrying(
            lambda: self._storage.download(
                quote(uri.bucket, safe=""), uri.path, headers=dict(_AS_STORED), timeout=_TIMEOUT
            )
        )

    async def write_object(self, uri: GsUri, data: bytes, *, content_type: str = _OCTETS) -> StoredObject:
        check_object(uri.path)
        stored = await self._retrying(lambda: self._insert(uri, io.BytesIO(data), content_type))
        return _object(uri.bucket, stored)

    async def list_objects(self, uri: GsUri) -> list[StoredObject]:
        params = {"prefix": uri.literal_prefix, "fields": f"items({_ITEM_FIELDS}),nextPageToken"}
        items = await self._pages(f"b/{quote(uri.bucket, safe='')}/o", params)
        return [_object(uri.bucket, item) for item in items if uri.matches(item["name"])]

    async def delete_objects(self, uri: GsUri) -> int:
        async def one(found: StoredObject) -> int:
            try:
                await self._retrying(lambda: self._storage.delete(quote(uri.bucket, safe=""), found.uri.path))
            except NotFound:
                return 0
            return 1

        return sum(await in_parallel(one, await self.list_objects(uri)))

    async def _insert(self, uri: GsUri, content: io.IOBase, content_type: str) -> Json:
        # One request for any size: a retry of gcloud-aio's resumable upload sends the whole content as a status query.
        return await self._storage.upload(
            quote(uri.bucket, safe=""),
            uri.path,
            content,
            content_type=content_type,
            force_resumable_upload=False,
            timeout=_TIMEOUT,
        )

    # ---------------------------------------------------------------- grants

    async def grant(self, bucket: str, account: str, access: Access) -> None:
        check_email(account)
        entity, path = f"user-{account}", f"b/{quote(bucket, safe='')}"

        async def one(item: Json) -> None:
            await self._raise_role(f"{path}/o/{quote(item['name'], safe='')}/acl", item.get("acl"), entity, "READER")

        # One grant at a time: each reads the present role first, since a role is only raised, never lowered.
        async with self._grant_lock:
            current = await self._call("GET", path, {"projection": "full"})
            if current.get("iamConfiguration", {}).get("uniformBucketLevelAccess", {}).get("enabled"):
                await self._add_binding(path + "/iam", account, _ROLES[access])
                return
            match access:
                case Access.READ:
                    await self._raise_role(path + "/acl", current.get("acl"), entity, "READER")
                    items = await self._pages(path + "/o", {"projection": "full", "fields": _ACL_FIELDS})
                    await in_parallel(one, items)
                case Access.READ_NEW:
                    acl = current.get("defaultObjectAcl")
                    await self._raise_role(path + "/defaultObjectAcl", acl, entity, "READER")
                case Access.WRITE:
                    await self._raise_role(path + "/acl", current.get("acl"), entity, "WRITER")

    async def _add_binding(self, path: str, account: str, role: str) -> None:
        """Grant by the bucket's policy; with uniform bucket-level access there are no access control lists."""
        kind = "serviceAccount" if account.endswith(".gserviceaccount.com") else "user"
        member = f"{kind}:{account}"

        async def find_bound() -> Json:
            policy = await self._call("GET", path)
            return policy if member in _binding(policy, role)["members"] else None

        for _ in range(_MAX_POLICY_CONFLICTS):
            policy = await self._call("GET", path)
            members = _binding(policy, role)["members"]
            if member in members:
                return
            members.append(member)
            try:
                # The policy carries the etag that was read, so that a concurrent change is not overwritten.
                await self._call("PUT", path, None, policy, find_existing=find_bound)
            except FailedPrecondition:
                continue
            return
        raise Aborted(f"the policy of {path} kept changing concurrently")

    async def _raise_role(self, path: str, acl: list[Json] | None, entity: str, role: str) -> None:
        held = [item["role"] for item in acl or () if item["entity"].lower() == entity.lower()]
        if not any(_ROLES_BY_STRENGTH.index(one) >= _ROLES_BY_STRENGTH.index(role) for one in held):
            await self._call("POST", path, None, {"entity": entity, "role": role})

    # ---------------------------------------------------------------- requests

    @property
    def _storage(self) -> "GcloudAioStorage":
        if self._opened is None:
            # With the first request: loading it takes a twentieth of the start of a local cloud.
            from cloud.gcs.gcloud_aio import GcloudAioStorage

            self._opened = GcloudAioStorage(self._base_url, self._token, self._session())
        return self._opened

    async def _call(
        self,
        verb: str,
        path: str,
        params: Mapping[str, str] | None = None,
        body: Json | None = None,
        *,
        find_existing: Callable[[], Awaitable[Json]] | None = None,
    ) -> Json:
        async def attempt() -> Json:
            response = await self._storage.session.request(
                verb,
                f"{self._base_url}/storage/v1/{path}",
                headers=await self._storage._headers(),
                auto_raise_for_status=False,
                params=params,
                json=body,
                timeout=_TIMEOUT,
            )
            async with response:
                text = await response.text()
                if response.status >= 400:
                    raise retryable_error(response.status, text, response.headers)
                return await response.json(content_type=None) if text else None

        return await self._retrying(attempt, find_existing)

    async def _retrying(
        self, attempt: Callable[[], Awaitable[T]], find_existing: Callable[[], Awaitable[T | None]] | None = None
    ) -> T:
        return await call_with_retries(
            lambda: map_errors(attempt),
            self._retries,
            sleep=self._sleep,
            find_existing=find_existing,
            renew=self._renew,
        )

    async def _pages(self, path: str, params: Mapping[str, str]) -> list[Json]:
        items: list[Json] = []
        token = ""
        while True:
            page = await self._call("GET", path, {**params, "pageToken": token} if token else params)
            items += page.get("items", [])
            token = page.get("nextPageToken", "")
            if not token:
                return items


class _ProgressFile(io.FileIO):
    """A file that the HTTP client reads in a thread; calls ``on_position`` in the event loop's thread."""

    def __init__(self, path: Path, on_position: Callable[[int], None]) -> None:
        super().__init__(path, "rb")
        self._loop = asyncio.get_running_loop()
        self._on_position = on_position

    def read(self, size: int | None = -1, /) -> bytes:
        block = super().read(size)
        self._loop.call_soon_threadsafe(self._on_position, self.tell())
        return block or b""


def _binding(policy: Json, role: str) -> Json:
    """The binding of ``role`` without a condition; added to the policy if there is none."""
    bindings = policy.setdefault("bindings", [])
    for binding in bindings:
        if binding["role"] == role and "condition" not in binding:
            return binding
    bindings.append({"role": role, "members": []})
    return bindings[-1]


def _bucket(resource: Json) -> Bucket:
    return Bucket(resource["name"], resource["location"], datetime.fromisoformat(resource["timeCreated"]))


def _object(bucket: str, resource: Json) -> StoredObject:
    return StoredObject(
        uri=GsUri(bucket, resource["name"]),
        size=int(resource["size"]),
        generation=int(resource["generation"]),
        content_type=resource.get("contentType", _OCTETS),
        update_time=datetime.fromisoformat(resource["updated"]),
    )
