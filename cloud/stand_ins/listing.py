"""Listings of buckets and objects, which ``gsutil ls`` and ``gcloud storage ls`` write almost alike."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from cloud.stand_ins.failures import Failure, HttpError
from cloud.stand_ins.objects import Listing, Resource, Storage
from cloud.stand_ins.sizes import seconds
from cloud.stand_ins.urls import Url, has_wildcard


class BucketNotFound(Failure):
    """A bucket that does not exist."""


@dataclass(slots=True)
class Total:
    objects: int = 0
    size: int = 0


@dataclass(slots=True)
class Lister:
    """
    Args:
        show: the lines of one object.
        folder: the line of one folder.
        heads_bucket: a recursive listing begins with the bucket's own heading (gcloud), or leaves it out (gsutil).
    """

    storage: Storage
    show: Callable[[Resource], str]
    folder: Callable[[str], str]
    heads_bucket: bool = False
    is_recursive: bool = False
    is_folder_itself: bool = False
    """List a folder by its name, not by what it holds (``-d``, ``-b``)."""

    def lines(self, url: Url, total: Total) -> Iterator[str]:
        """Raises:
        BucketNotFound: there is no such bucket.
        Failure: nothing matches.
        """
        try:
            yield from self._lines(url, total)
        except HttpError as error:
            if error.code == 404:
                raise BucketNotFound(str(Url(url.bucket))) from None
            raise

    def _lines(self, url: Url, total: Total) -> Iterator[str]:
        if not url.bucket or has_wildcard(url.bucket):
            matched = self.storage.match_buckets(url.bucket)
            if not matched:
                raise Failure("One or more URLs matched no objects.")
            for bucket in matched:
                if url.name:
                    yield from self._lines(Url(bucket["name"], url.name), total)
                else:
                    yield self.folder(f"gs://{bucket['name']}/")
            return
        if "**" in url.name:
            yield from self._objects(Listing(url.bucket, list(self.storage.match(url))), total, must_match=True)
            return
        if not url.name and self.is_folder_itself:
            self.storage.bucket(url.bucket)
            yield self.folder(f"gs://{url.bucket}/")
            return
        if self.is_recursive and not url.has_wildcard:
            yield from self._tree(url, total)
            return
        yield from self._level(url, total)

    def _level(self, url: Url, total: Total) -> Iterator[str]:
        if not url.name:
            yield from self._objects(self.storage.list_below(url, delimiter="/"), total)
            return
        found = self.storage.match_with_folders(url)
        if not found.objects and not found.prefixes:
            self.storage.bucket(url.bucket)  # a bucket that is missing has another message
            raise Failure("One or more URLs matched no objects.")
        several = url.has_wildcard
        own = [] if url.name.endswith("/") else found.objects
        yield from self._objects(Listing(url.bucket, own), total)
        for prefix in found.prefixes:
            if self.is_folder_itself:
                yield self.folder(f"gs://{url.bucket}/{prefix}")
                continue
            inner = self.storage.list_below(Url(url.bucket, prefix), delimiter="/")
            if several:
                yield (
                    f"\ngs://{url.bucket}/{prefix}:"
                    if own or prefix != found.prefixes[0]
                    else (f"gs://{url.bucket}/{prefix}:")
                )
            if self.is_recursive:
                yield from self._subtree(url.bucket, prefix, total, heading=False)
            else:
                yield from self._objects(inner, total)

    def _objects(self, found: Listing, total: Total, *, must_match: bool = False) -> Iterator[str]:
        if must_match and not found.objects:
            raise Failure("One or more URLs matched no objects.")
        for resource in found.objects:
            total.objects += 1
            total.size += int(resource["size"])
            yield self.show(resource)
        for prefix in found.prefixes:
            yield self.folder(f"gs://{found.bucket}/{prefix}")

    def _tree(self, url: Url, total: Total) -> Iterator[str]:
        prefix = f"{url.name.rstrip('/')}/" if url.name else ""
        listing = self.storage.list_below(Url(url.bucket, prefix), delimiter="/")
        if prefix and not listing.objects and not listing.prefixes:
            yield from self._level(url, total)
            return
        if prefix:
            yield from self._subtree(url.bucket, prefix, total, heading=True)
            return
        lines = [self._shown(each, total) for each in listing.objects]
        if self.heads_bucket:
            yield f"gs://{url.bucket}/:"
        yield from lines
        for number, inner in enumerate(listing.prefixes):
            if number or lines or self.heads_bucket:
                yield ""
            yield from self._subtree(url.bucket, inner, total, heading=True)

    def _subtree(self, bucket: str, prefix: str, total: Total, *, heading: bool) -> Iterator[str]:
        if heading:
            yield f"gs://{bucket}/{prefix}:"
        listing = self.storage.list_below(Url(bucket, prefix), delimiter="/")
        for each in listing.objects:
            yield self._shown(each, total)
        for inner in listing.prefixes:
            yield ""
            yield from self._subtree(bucket, inner, total, heading=True)

    def _shown(self, resource: Resource, total: Total) -> str:
        total.objects += 1
        total.size += int(resource["size"])
        return self.show(resource)


def address(resource: Resource, *, with_version: bool = False) -> str:
    version = f"#{resource['generation']}" if with_version else ""
    return f"gs://{resource['bucket']}/{resource['name']}{version}"


def long_line(resource: Resource, *, with_version: bool = False) -> str:
    """Size, time and name."""
    version = f"  metageneration={resource['metageneration']}" if with_version else ""
    name = address(resource, with_version=with_version)
    return f"{resource['size']:>10}  {seconds(resource['updated'])}  {name}{version}"


def disk_usage(storage: Storage, url: Url, *, is_summary: bool) -> Iterator[tuple[int, str]]:
    """Bytes and names of objects and of folders, each folder after what it holds; of a summary the whole only."""
    try:
        found = list(storage.match(url)) if url.has_wildcard else storage.list_below(_folder(url)).objects
        if not found and url.name:
            found = [exact] if (exact := storage.find(url)) else []
    except HttpError as error:
        if error.code == 404:
            raise BucketNotFound(str(Url(url.bucket))) from None
        raise
    if url.name and not found:
        raise Failure("One or more URLs matched no objects.")
    if is_summary:
        yield sum(int(each["size"]) for each in found), str(url)
        return
    if url.has_wildcard:
        for each in found:
            yield int(each["size"]), address(each)
        return
    prefix = _folder(url).name
    yield from _usage(f"gs://{url.bucket}/", prefix, found, with_own=bool(prefix))


def _folder(url: Url) -> Url:
    return Url(url.bucket, f"{url.name.rstrip('/')}/" if url.name else "")


def _usage(bucket: str, prefix: str, found: list[Resource], *, with_own: bool) -> Iterator[tuple[int, str]]:
    below: dict[str, list[Resource]] = {}
    for each in found:
        rest = each["name"].removeprefix(prefix)
        folder, slash, _ = rest.partition("/")
        if slash and rest != "":
            below.setdefault(f"{prefix}{folder}/", []).append(each)
        else:
            yield int(each["size"]), f"{bucket}{each['name']}"
    for folder, inner in below.items():
        yield from _usage(bucket, folder, inner, with_own=True)
    if with_own:
        yield sum(int(each["size"]) for each in found), f"{bucket}{prefix}"
