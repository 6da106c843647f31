"""Our own client of Cloud Storage: gcloud-aio-storage, and its session for what that lacks (buckets, access control).

Methods are those of ``cloud.backends.base.Backend`` of the same name, whose docstrings are their specification.
"""

import asyncio
import inspect
import io
import mimetypes
import secrets
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar, cast
from urllib.parse import quote

import aiohttp
from gcloud.aio.auth import Token as GcloudToken
from gcloud.aio.storage import Storage

from cloud.errors import Aborted, AlreadyExists, FailedPrecondition, NotFound, PermissionDenied
from cloud.gcs.backoff import Retries
from cloud.gcs.replies import attempted, refusal
from cloud.gcs.retry import Sleep, completed, persist
from cloud.gcs.transfers import OnProgress, Progress, in_parallel, plan_download, plan_upload
from cloud.names import GsUri, check_bucket, check_email, check_object
from cloud.resources import Access, Bucket, Json, StoredObject

Token = Callable[[], str | Awaitable[str]]
T = TypeVar("T")
MARK = "request-id"
"""Label whose value nobody else has."""
_BLOCK = 1 << 20
_OCTETS = "application/octet-stream"
# No limit on a whole transfer: it may be long. Silence is what is limited.
_TIMEOUT: Any = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=300)
_AS_STORED = {"Accept-Encoding": "gzip"}
_ITEM_FIELDS = "name,size,generation,contentType,updated"
_ACL_FIELDS = "items(name,acl(entity,role)),nextPageToken"
_ROLES = {
    Access.READ: "roles/storage.objectViewer",
    Access.READ_NEW: "roles/storage.objectViewer",
    Access.WRITE: "roles/storage.legacyBucketWriter",
}
"""Where access is uniform: what is there and what comes are read alike
(https://cloud.google.com/storage/docs/access-control/iam-roles)."""
_CHANGED_BY_OTHERS = 10
"""Times that a policy is read again because somebody else was faster."""
_STRENGTH = ("READER", "WRITER", "OWNER")


class StorageClient:
    """Args:
    base_url: of the service, ``https://storage.googleapis.com``, or of a front door, ``http://127.0.0.1:PORT``.
    token: the bearer token of now.
    project: whose buckets are listed and made.
    region: location of buckets that are made without one.
    labels: of buckets that are made. With any, or none, but not without: each has a ``MARK``, too, by which it is
        known to be what a request made whose answer was lost.
    session: makes the HTTP session, where the way there is not the direct one.
    patience: with what may pass; ``sleep`` waits meanwhile.
    renew: has ``token`` give another one, if Cloud Storage refuses the present one.
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
        patience: Retries = Retries(attempts=4, first=0.2),  # noqa: B008 - a frozen value
        sleep: Sleep = asyncio.sleep,
        renew: Callable[[], Awaitable[object]] | None = None,
    ) -> None:
        self._base_url = base_url.rstrip("/")
        self._token = token
        self._session = session
        self._patience, self._sleep, self._renew = patience, sleep, renew
        self._labels = labels if labels is None else dict(labels)
        self._project = project
        self._region = region
        self._opened: _Storage | None = None
        self._granting = asyncio.Lock()

    async def close(self) -> None:
        if self._opened:
            storage, self._opened = self._opened, None
            await storage.close()

    # ---------------------------------------------------------------- buckets

    async def create_bucket(self, name: str, *, location: str | None = None) -> Bucket:
        mark = secrets.token_hex(8)
        resource: Json = {"name": check_bucket(name), "location": location or self._region}
        if self._labels is not None:
            resource["labels"] = {**self._labels, MARK: mark}

        async def ours() -> Json:
            try:
                found = await self._call("GET", f"b/{name}")
            except (NotFound, PermissionDenied):  # the latter is what somebody else's says
                return None
            return found if found.get("labels", {}).get(MARK) == mark else None

        return _bucket(
            await completed(self._call("POST", "b", {"project": self._project}, resource, find_existing=ours))
        )

    async def get_bucket(self, name: str) -> Bucket:
        return _bucket(await self._call("GET", f"b/{quote(name, safe='')}"))

    async def labels(self, name: str) -> dict[str, str]:
        """Of a bucket."""
        return dict((await self._call("GET", f"b/{quote(name, safe='')}")).get("labels", {}))

    async def list_buckets(self) -> list[Bucket]:
        items = await self._pages("b", {"project": self._project})
        return sorted((_bucket(item) for item in items), key=lambda bucket: bucket.name)

    async def delete_bucket(self, name: str) -> None:
        path = f"b/{quote(name, safe='')}"

        async def gone() -> Json:
            try:
                await self._call("GET", path)
            except NotFound:
                return {}
            return None

        try:
            await self._call("DELETE", path, find_existing=gone)
        except AlreadyExists as error:
            # 409 "conflict" is what Google says to both.
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
                with _Watched(path, lambda position: progress.at(index, position)) as file:
                    return await self._insert(uri, file, mimetypes.guess_type(path.name)[0] or _OCTETS)

            stored = _object(uri.bucket, await self._persist(attempt))
            progress.finished(index)
            return stored

        return await in_parallel(one, range(len(plan)))

    async def download(self, source: GsUri, destination: Path, *, on_progress: OnProgress | None = None) -> list[Path]:
        objects = await self.list_objects(source)
        if not objects:
            raise NotFound(f"no object is meant by {str(source)!r}")
        plan = plan_download(source, objects, destination)
        progress = Progress([found.size for found, _, _ in plan], on_progress)
        for _, _, folder in plan:
            folder.mkdir(parents=True, exist_ok=True)

        async def one(index: int) -> Path:
            found, path, folder = plan[index]
            if path is not None:
                target = path
                await self._persist(
                    lambda: self._fetch(found.uri, target, lambda position: progress.at(index, position))
                )
            progress.finished(index)
            return folder if path is None else path

        return await in_parallel(one, range(len(plan)))

    async def _fetch(self, uri: GsUri, path: Path, at: Callable[[int], None]) -> None:
        # Beside its place, so that it comes to be there whole or not at all.
        beside = path.with_name(f".download-{secrets.token_hex(8)}")
        try:
            with beside.open("xb") as file:
                reply = await self._storage.download_stream(
                    quote(uri.bucket, safe=""), uri.path, headers=dict(_AS_STORED), timeout=_TIMEOUT
                )
                async with reply:
                    while block := await reply.read(_BLOCK):
                        file.write(block)
                        at(file.tell())
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)

    async def read_object(self, uri: GsUri) -> bytes:
        return await self._persist(
            lambda: self._storage.download(
                quote(uri.bucket, safe=""), uri.path, headers=dict(_AS_STORED), timeout=_TIMEOUT
            )
        )

    async def write_object(self, uri: GsUri, data: bytes, *, content_type: str = _OCTETS) -> StoredObject:
        check_object(uri.path)
        stored = await self._persist(lambda: self._insert(uri, io.BytesIO(data), content_type))
        return _object(uri.bucket, stored)

    async def list_objects(self, uri: GsUri) -> list[StoredObject]:
        params = {"prefix": uri.literal_prefix, "fields": f"items({_ITEM_FIELDS}),nextPageToken"}
        items = await self._pages(f"b/{quote(uri.bucket, safe='')}/o", params)
        return [_object(uri.bucket, item) for item in items if uri.matches(item["name"])]

    async def delete_objects(self, uri: GsUri) -> int:
        async def one(found: StoredObject) -> int:
            try:
                await self._persist(lambda: self._storage.delete(quote(uri.bucket, safe=""), found.uri.path))
            except NotFound:
                return 0
            return 1

        return sum(await in_parallel(one, await self.list_objects(uri)))

    async def _insert(self, uri: GsUri, content: io.IOBase, content_type: str) -> Json:
        # One request for any size: on a new attempt gcloud-aio's resumable upload sends everything as a status query.
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

        # One at a time: a role is raised, never lowered, and that takes a look before.
        async with self._granting:
            current = await self._call("GET", path, {"projection": "full"})
            if current.get("iamConfiguration", {}).get("uniformBucketLevelAccess", {}).get("enabled"):
                await self._bind(path + "/iam", account, _ROLES[access])
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

    async def _bind(self, path: str, account: str, role: str) -> None:
        """Where access is uniform there are no lists, only the bucket's policy."""
        kind = "serviceAccount" if account.endswith(".gserviceaccount.com") else "user"
        member = f"{kind}:{account}"

        async def bound() -> Json:
            policy = await self._call("GET", path)
            return policy if member in _binding(policy, role)["members"] else None

        for _ in range(_CHANGED_BY_OTHERS):
            policy = await self._call("GET", path)
            members = _binding(policy, role)["members"]
            if member in members:
                return
            members.append(member)
            try:
                # With the etag that was read: somebody else's change is not undone.
                await self._call("PUT", path, None, policy, find_existing=bound)
            except FailedPrecondition:
                continue
            return
        raise Aborted(f"the policy of {path} is changed by others all the time")

    async def _raise_role(self, path: str, acl: list[Json] | None, entity: str, role: str) -> None:
        held = [item["role"] for item in acl or () if item["entity"].lower() == entity.lower()]
        if not any(_STRENGTH.index(one) >= _STRENGTH.index(role) for one in held):
            await self._call("POST", path, None, {"entity": entity, "role": role})

    # ---------------------------------------------------------------- calls

    @property
    def _storage(self) -> "_Storage":
        if self._opened is None:
            self._opened = _Storage(self._base_url, self._token, self._session())
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
            reply = await self._storage.session.request(
                verb,
                f"{self._base_url}/storage/v1/{path}",
                headers=await self._storage._headers(),
                auto_raise_for_status=False,
                params=params,
                json=body,
                timeout=_TIMEOUT,
            )
            async with reply:
                text = await reply.text()
                if reply.status >= 400:
                    raise refusal(reply.status, text, reply.headers)
                return await reply.json(content_type=None) if text else None

        return await self._persist(attempt, find_existing)

    async def _persist(
        self, attempt: Callable[[], Awaitable[T]], find_existing: Callable[[], Awaitable[T | None]] | None = None
    ) -> T:
        return await persist(
            lambda: attempted(attempt),
            self._patience,
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


class _Storage(Storage):
    """gcloud-aio's client, which sends no token to a host that is not Google's, and looks for no credentials."""

    def __init__(self, base_url: str, token: Token, session: aiohttp.ClientSession) -> None:
        super().__init__(api_root=base_url, token=cast(GcloudToken, token), session=cast(Any, session))
        self._bearer, self._http = token, session

    async def _headers(self) -> dict[str, str]:
        token = self._bearer()
        return {"Authorization": f"Bearer {await token if inspect.isawaitable(token) else token}"}

    async def close(self) -> None:
        await self._http.close()


class _Watched(io.FileIO):
    """A file being read by the HTTP client, in its thread, that says how far in the event loop's."""

    def __init__(self, path: Path, at: Callable[[int], None]) -> None:
        super().__init__(path, "rb")
        self._loop = asyncio.get_running_loop()
        self._at = at

    def read(self, size: int | None = -1, /) -> bytes:
        block = super().read(size)
        self._loop.call_soon_threadsafe(self._at, self.tell())
        return block or b""


def _binding(policy: Json, role: str) -> Json:
    """The one of ``role`` without a condition, added if there is none."""
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
