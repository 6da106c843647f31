"""Buckets and objects over the JSON API of Cloud Storage (https://cloud.google.com/storage/docs/json_api/v1)."""

import json
import mimetypes
import os
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from cloud.stand_ins.connection import Connection, escape
from cloud.stand_ins.failures import HttpError
from cloud.stand_ins.urls import Url, has_wildcard, literal_prefix, pattern_of

Resource = dict[str, Any]
_HOST = "storage"
_WHOLE_REQUEST_BYTES = 8 * 2**20
"""A larger file is sent as a resumable upload, which needs no copy of it in memory."""
_BLOCK_BYTES = 2**20


@dataclass(slots=True)
class Listing:
    """What is directly below a prefix."""

    bucket: str
    objects: list[Resource] = field(default_factory=list)
    prefixes: list[str] = field(default_factory=list)
    """Names of folders, with a slash at the end."""


class Storage:
    """
    Args:
        has_versions: lists have noncurrent versions, too.
    """

    def __init__(self, connection: Connection, project: str, *, has_versions: bool = False) -> None:
        self.connection, self.project, self._has_versions = connection, project, has_versions

    def with_versions(self) -> "Storage":
        return Storage(self.connection, self.project, has_versions=True)

    # ---------------------------------------------------------------- buckets

    def buckets(self) -> Iterator[Resource]:
        yield from self._pages("/storage/v1/b", {"project": self.project, "projection": "full"})

    def bucket(self, name: str) -> Resource:
        return self._resource("GET", _bucket(name), {"projection": "full"})

    def create_bucket(self, resource: Resource, project: str | None = None) -> Resource:
        query = {"project": project or self.project, "projection": "full"}
        return self._resource("POST", "/storage/v1/b", query, resource)

    def patch_bucket(self, name: str, changes: Resource) -> Resource:
        return self._resource("PATCH", _bucket(name), {"projection": "full"}, changes)

    def delete_bucket(self, name: str) -> None:
        self._call("DELETE", _bucket(name))

    def policy(self, bucket: str) -> Resource:
        return self._resource("GET", f"{_bucket(bucket)}/iam", {"optionsRequestedPolicyVersion": 3})

    def set_policy(self, bucket: str, policy: Resource) -> Resource:
        return self._resource("PUT", f"{_bucket(bucket)}/iam", None, policy)

    # ---------------------------------------------------------------- objects

    def list_below(self, url: Url, *, delimiter: str | None = None) -> Listing:
        """Names that begin with ``url.name``; with a delimiter only as far as the next one."""
        found = Listing(url.bucket)
        query: Resource = {"prefix": url.name or None, "delimiter": delimiter, "projection": "full"}
        query |= {"versions": "true" if self._has_versions else None, "maxResults": 1000}
        for page in self._raw_pages(f"{_bucket(url.bucket)}/o", query):
            found.objects += page.get("items", ())
            found.prefixes += page.get("prefixes", ())
        return found

    def get(self, url: Url) -> Resource:
        return self._resource("GET", _object(url), {"projection": "full"})

    def find(self, url: Url) -> Resource | None:
        """None if there is none; the bucket may be missing, too."""
        try:
            return self.get(url)
        except HttpError as error:
            if error.code != 404:
                raise
            return None

    def patch(self, url: Url, changes: Resource) -> Resource:
        return self._resource("PATCH", _object(url), {"projection": "full"}, changes)

    def delete(self, url: Url, generation: str | None = None) -> None:
        self._call("DELETE", _object(url), {"generation": generation})

    def copy(self, source: Url, target: Url) -> Resource:
        """Within Cloud Storage, at any size."""
        path = f"{_object(source)}/rewriteTo{_object(target).removeprefix('/storage/v1')}"
        query: dict[str, str] = {}
        while True:
            found = self._call("POST", path, query, {})
            if found["done"]:
                resource: Resource = found["resource"]
                return resource
            query = {"rewriteToken": found["rewriteToken"]}

    def compose(self, sources: Iterable[Url], target: Url) -> Resource:
        names = [{"name": source.name} for source in sources]
        return self._resource("POST", f"{_object(target)}/compose", None, {"sourceObjects": names})

    def upload(self, path: Path, target: Url, content_type: str | None = None, **metadata: Any) -> Resource:
        resource = {"name": target.name, "contentType": content_type or content_type_of(path), **metadata}
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_size <= _WHOLE_REQUEST_BYTES:
                return self.write(target, file.read(), resource)
            query = {"uploadType": "resumable"}
            head = {"Content-Type": "application/json"}
            body = json.dumps(resource).encode()
            where = f"/upload{_bucket(target.bucket)}/o"
            with self.connection.open("POST", _HOST, where, query, body, head) as response:
                response.read()
                session = response.headers["Location"]
            size = str(os.fstat(file.fileno()).st_size)
            path_and_query = "/" + session.split("://", 1)[-1].partition("/")[2]
            with self.connection.open("PUT", _HOST, path_and_query, None, file, {"Content-Length": size}) as response:
                return dict(json.loads(response.read()))

    def write(self, target: Url, data: bytes, resource: Resource) -> Resource:
        """A whole object in one request (https://cloud.google.com/storage/docs/uploads-downloads)."""
        boundary = uuid.uuid4().hex
        head = json.dumps({"name": target.name} | resource).encode()
        content_type = str(resource.get("contentType") or "application/octet-stream").encode()
        body = (
            b"--%b\r\nContent-Type: application/json\r\n\r\n%b\r\n--%b\r\nContent-Type: %b\r\n\r\n%b\r\n--%b--\r\n"
        ) % (boundary.encode(), head, boundary.encode(), content_type, data, boundary.encode())
        kind = {"Content-Type": f"multipart/related; boundary={boundary}"}
        query = {"uploadType": "multipart", "projection": "full"}
        where = f"/upload{_bucket(target.bucket)}/o"
        with self.connection.open("POST", _HOST, where, query, body, kind) as response:
            return dict(json.loads(response.read()))

    def read(self, url: Url, to: IO[bytes], byte_range: str | None = None) -> None:
        """Write the object's bytes to a file.

        Args:
            byte_range: of RFC 9110, ``bytes=0-99``.
        """
        head = {"Range": byte_range} if byte_range else {}
        with self.connection.open("GET", _HOST, _object(url), {"alt": "media"}, None, head) as response:
            while block := response.read(_BLOCK_BYTES):
                to.write(block)

    # ---------------------------------------------------------------- wildcards

    def match_buckets(self, pattern: str) -> list[Resource]:
        expression = pattern_of(pattern or "*")
        return [bucket for bucket in self.buckets() if expression.fullmatch(bucket["name"])]

    def match(self, url: Url) -> Iterator[Resource]:
        """The objects that a wildcard matches, in the order of their names."""
        if has_wildcard(url.bucket):
            for bucket in self.match_buckets(url.bucket):
                yield from self.match(Url(bucket["name"], url.name or "**"))
            return
        expression = pattern_of(url.name)
        for found in self.list_below(Url(url.bucket, literal_prefix(url.name))).objects:
            if expression.fullmatch(found["name"]):
                yield found

    def match_with_folders(self, url: Url) -> Listing:
        """Objects and folders of one level that a wildcard without ``**`` matches."""
        if not has_wildcard(url.name.rstrip("/")):
            return self._one(url)
        head, _, rest = url.name.partition("/") if "/" in url.name else (url.name, "", "")
        return self._match_level(url.bucket, "", head, rest, wants_folder=url.name.endswith("/"))

    def _match_level(self, bucket: str, above: str, head: str, rest: str, *, wants_folder: bool) -> Listing:
        found = Listing(bucket)
        if not has_wildcard(head) and rest:
            following, _, rest = rest.partition("/")
            return self._match_level(bucket, f"{above}{head}/", following, rest, wants_folder=wants_folder)
        listing = self.list_below(Url(bucket, above + literal_prefix(head)), delimiter="/")
        expression = pattern_of(above.replace("[", "[[]") + head) if not has_wildcard(above) else pattern_of(head)
        folders = [prefix for prefix in listing.prefixes if expression.fullmatch(prefix.rstrip("/"))]
        if not rest:
            if not wants_folder:
                found.objects += [each for each in listing.objects if expression.fullmatch(each["name"])]
            found.prefixes += folders
            return found
        following, _, deeper = rest.partition("/")
        for folder in folders:
            inner = self._match_level(bucket, folder, following, deeper, wants_folder=wants_folder)
            found.objects += inner.objects
            found.prefixes += inner.prefixes
        return found

    def _one(self, url: Url) -> Listing:
        """The object of this name, or the folder."""
        listing = self.list_below(url, delimiter="/")
        exact = [each for each in listing.objects if each["name"] == url.name]
        folder = url.name.rstrip("/") + "/"
        prefixes = [prefix for prefix in listing.prefixes if prefix == folder]
        if url.name.endswith("/") and (listing.objects or listing.prefixes):
            return Listing(url.bucket, exact, [folder])
        return Listing(url.bucket, exact, prefixes)

    # ---------------------------------------------------------------- requests

    def call(self, method: str, path: str, query: Resource | None = None, body: Any = None) -> Any:
        """Any other request, as for access control lists."""
        return self._call(method, path, query, body)

    def _resource(self, method: str, path: str, query: Resource | None = None, body: Any = None) -> Resource:
        return dict(self._call(method, path, query, body))

    def _call(self, method: str, path: str, query: Resource | None = None, body: Any = None) -> Any:
        return self.connection.call(method, _HOST, path, query, body)

    def _pages(self, path: str, query: Resource) -> Iterator[Resource]:
        for page in self._raw_pages(path, query):
            yield from page.get("items", ())

    def _raw_pages(self, path: str, query: Resource) -> Iterator[Resource]:
        while True:
            page = self._call("GET", path, query)
            yield page
            if not page.get("nextPageToken"):
                return
            query = {**query, "pageToken": page["nextPageToken"]}


def content_type_of(path: Path) -> str:
    return mimetypes.guess_type(path.name)[0] or "application/octet-stream"


def _bucket(name: str) -> str:
    return f"/storage/v1/b/{escape(name)}"


def _object(url: Url) -> str:
    return f"{_bucket(url.bucket)}/o/{escape(url.name)}"


bucket_path, object_path = _bucket, _object
