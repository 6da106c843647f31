"""The images of a project: those that were built here, and those of them that its registries hold.

``images/HEX/image.json`` and ``images/HEX/files/`` are an image, ``names.json`` says what names it. Everything is
written beside its place and moved there, so that a process that is killed leaves a usable store.
"""

import os
import shutil
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from cloud.engine.images.names import ImageName, is_digest, parse_name
from cloud.errors import NotFound
from cloud.folders.temporary import remove_tree
from cloud.resources.container_images import ContainerImage

_UNFINISHED = ".new-"
_SHORTEST_ID = 12


@dataclass(frozen=True, slots=True, order=True)
class PushedTag:
    name: str
    """Without the tag: ``us-docker.pkg.dev/my-project/my-repo/trainer``."""
    tag: str
    digest: str
    upload_time: datetime


@dataclass(frozen=True, slots=True, order=True)
class PushedImage:
    name: str
    """Without a tag."""
    digest: str
    upload_time: datetime
    tags: tuple[str, ...] = ()
    """Sorted; none if all were moved to other images, or deleted."""


@dataclass(slots=True)
class _Names:
    """``names.json``."""

    local: dict[str, str] = field(default_factory=dict)
    """Digests by ``REPOSITORY:TAG``."""
    digests: dict[str, dict[str, str]] = field(default_factory=dict)
    """By repository of a registry: when each digest was pushed. A tag that was moved leaves its old one there."""
    tags: dict[str, dict[str, tuple[str, str]]] = field(default_factory=dict)
    """By repository: the digest and the time of each tag."""


class ImageStore:
    """
    Args:
        folder: of this store alone, and of this process; created when something is stored.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._images = folder / "images"
        self._lock = threading.Lock()
        self._names = self._read_names()
        for leftover in self._images.glob(f"{_UNFINISHED}*"):
            remove_tree(leftover)

    @contextmanager
    def working_folder(self) -> Iterator[Path]:
        """A folder to make an image's files in: from here they are moved into the store without a copy."""
        self._images.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(dir=self._images, prefix=_UNFINISHED))
        try:
            yield folder
        finally:
            remove_tree(folder)

    def add(self, image: ContainerImage, files: Path) -> None:
        """Move the folder ``files``, which stands for the image's root, into the store.

        Nothing but the folder's removal happens if there is an image of this digest.
        """
        place = self._place(image.digest)
        if place.exists():
            remove_tree(files)
            return
        with self.working_folder() as folder:
            made = folder / "image"
            made.mkdir(mode=0o700)
            shutil.move(files, made / "files")
            (made / "image.json").write_bytes(orjson.dumps(_to_json(image)))
            try:
                made.rename(place)
            except OSError:
                if not place.exists():  # else another build of the same was faster
                    raise

    def tag(self, name: str, digest: str) -> None:
        """Name an image for this builder (``docker build -t``), not in a registry.

        Raises:
            InvalidArgument: ``name`` is no name of an image.
            NotFound: there is no image of this digest.
        """
        key = str(_tagged(parse_name(name)))
        if self._read(digest) is None:
            raise NotFound(f"No such image: {digest}")
        with self._lock:
            self._names.local[key] = digest
            self._write_names()

    def untag(self, name: str) -> None:
        """Forget a local name. What a registry holds stays.

        Raises:
            InvalidArgument: ``name`` is no name of an image.
            NotFound: no image has it here.
        """
        key = str(_tagged(parse_name(name)))
        with self._lock:
            digest = self._names.local.pop(key, None)
            if digest is None:
                raise NotFound(f"No such image: {key}")
            self._write_names()

    def local_names(self) -> Mapping[str, str]:
        """The digest of each local name, ``REPOSITORY:TAG``."""
        return dict(self._names.local)

    def images(self) -> Sequence[ContainerImage]:
        """All of them, with names and without, the oldest first."""
        digests = (f"sha256:{place.name}" for place in self._images.glob("[0-9a-f]*"))
        found = [image for digest in digests if (image := self._read(digest)) is not None]
        return sorted(found, key=lambda image: (image.create_time, image.digest))

    def discard(self, digest: str) -> bool:
        """Remove an image that nothing names, here or in a registry; whether it was removed."""
        with self._lock:
            held = digest in self._names.local.values() or any(digest in each for each in self._names.digests.values())
            if held or not self._place(digest).exists():
                return False
            gone = self._images / f"{_UNFINISHED}{digest.removeprefix('sha256:')}"
            self._place(digest).rename(gone)
        remove_tree(gone)
        return True

    def push(self, name: str) -> ContainerImage:
        """Make a local name known in the registry that it names.

        Raises:
            InvalidArgument: ``name`` is no name of an image.
            NotFound: no image has it here.
        """
        parsed = _tagged(parse_name(name))
        image = self.local(str(parsed))
        if image is None:
            raise NotFound(
                f"An image does not exist locally with the tag: {parsed.repository}:{parsed.tag}; build it first"
            )
        now = datetime.now(UTC).isoformat()
        with self._lock:
            self._names.digests.setdefault(parsed.repository, {}).setdefault(image.digest, now)
            tags = self._names.tags.setdefault(parsed.repository, {})
            if tags.get(parsed.tag, ("",))[0] != image.digest:
                tags[parsed.tag] = (image.digest, now)
            self._write_names()
        return image

    def local(self, name: str) -> ContainerImage | None:
        """The image of a local name, or of a digest, or of at least 12 hexadecimal digits of one.

        Raises:
            InvalidArgument: ``name`` is neither.
        """
        if is_digest(name):
            return self._read(name)
        parsed = parse_name(name)
        if parsed.digest:
            image = self._read(parsed.digest)
            known = any(
                digest == parsed.digest and parse_name(key).repository == parsed.repository
                for key, digest in list(self._names.local.items())
            )
            return image if known else None
        if found := self._names.local.get(str(parsed)):
            return self._read(found)
        if len(name) >= _SHORTEST_ID and not set(name) - set("0123456789abcdef"):
            images = list(self._images.glob(f"{name}*"))
            return self._read(f"sha256:{images[0].name}") if len(images) == 1 else None
        return None

    def find(self, uri: str) -> ContainerImage | None:
        """The image of a registry: ``REGISTRY/PATH[:TAG][@sha256:…]``, without tag and digest the one tagged latest.

        Raises:
            InvalidArgument: ``uri`` is no name of an image.
        """
        name = parse_name(uri)
        digest = name.digest or self._names.tags.get(name.repository, {}).get(name.tag, ("",))[0]
        return self._read(digest) if digest in self._names.digests.get(name.repository, {}) else None

    def files(self, image: ContainerImage) -> Path:
        """The folder that stands for the image's root. It is not to be changed."""
        return self._place(image.digest) / "files"

    def pushed(self) -> Sequence[PushedTag]:
        """What the registries hold, by name and tag."""
        with self._lock:
            return sorted(
                PushedTag(repository, tag, digest, datetime.fromisoformat(time))
                for repository, tags in self._names.tags.items()
                for tag, (digest, time) in tags.items()
            )

    def contents(self) -> Sequence[PushedImage]:
        """What the registries hold, by name and digest, with images whose tags were moved."""
        found = []
        for name, digests in self._names.digests.items():
            tags = self._names.tags.get(name, {})
            for digest, time in digests.items():
                own = tuple(sorted(tag for tag, (tagged, _) in tags.items() if tagged == digest))
                found.append(PushedImage(name, digest, datetime.fromisoformat(time), own))
        return sorted(found)

    def delete(self, name: str) -> None:
        """Remove from the registry ``NAME:TAG``, ``NAME@sha256:…`` with all its tags, or all below a prefix that ends
        with a slash: ``REGISTRY/PROJECT/REPOSITORY/``. What was built stays known by its local names.

        Raises:
            InvalidArgument: it is none of these.
            NotFound: the registry does not hold it.
        """
        with self._lock:
            if not (self._delete_below(name) if name.endswith("/") else self._delete_one(parse_name(name))):
                raise NotFound(f"The registry holds no image {name[:300]}")
            self._write_names()

    def _delete_below(self, prefix: str) -> bool:
        found = [repository for repository in self._names.digests if repository.startswith(prefix)]
        for repository in found:
            self._names.digests.pop(repository)
            self._names.tags.pop(repository, None)
        return bool(found)

    def _delete_one(self, name: ImageName) -> bool:
        digests, tags = self._names.digests.get(name.repository, {}), self._names.tags.get(name.repository, {})
        if not name.digest:
            return tags.pop(name.tag, None) is not None
        for tag in [tag for tag, (digest, _) in tags.items() if digest == name.digest]:
            del tags[tag]
        found = digests.pop(name.digest, None) is not None
        if not digests:
            self._names.digests.pop(name.repository, None)
        return found

    def _place(self, digest: str) -> Path:
        return self._images / digest.removeprefix("sha256:")

    def _read(self, digest: str) -> ContainerImage | None:
        try:
            return _from_json(orjson.loads((self._place(digest) / "image.json").read_bytes()))
        except FileNotFoundError:
            return None

    def _read_names(self) -> _Names:
        try:
            return _Names(**orjson.loads((self._folder / "names.json").read_bytes()))
        except FileNotFoundError:
            return _Names()

    def _write_names(self) -> None:
        written = self._folder / "names.json.new"
        with os.fdopen(os.open(written, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(orjson.dumps(self._names))
        written.replace(self._folder / "names.json")


def _tagged(name: ImageName) -> ImageName:
    return ImageName(name.repository, name.tag or "latest")


def _to_json(image: ContainerImage) -> dict[str, Any]:
    fields = ("digest", "base", "create_time", "requirements", "workdir", "entrypoint", "command", "passed_over")
    return {name: getattr(image, name) for name in fields} | {"env": dict(image.env)}


def _from_json(record: dict[str, Any]) -> ContainerImage:
    lists = {name: tuple(record[name]) for name in ("requirements", "entrypoint", "command", "passed_over")}
    return ContainerImage(**{**record, **lists, "create_time": datetime.fromisoformat(record["create_time"])})
