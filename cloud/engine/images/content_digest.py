"""The digest of an image: of its files and of all else that a job in it gets."""

import hashlib
import os
import stat
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import orjson

from cloud.resources.container_images import ContainerImage

_OF_THE_BUILD = ("digest", "create_time")


def content_digest(image: ContainerImage, files: Path) -> str:
    """``sha256:…``: the same for the same Dockerfile and the same files, whenever and wherever it is built.

    Args:
        image: without its digest.
    """
    described = {one.name: getattr(image, one.name) for one in fields(image) if one.name not in _OF_THE_BUILD}
    found = hashlib.sha256(orjson.dumps(described | {"env": dict(image.env)}, option=orjson.OPT_SORT_KEYS))
    for entry in _entries(files):
        found.update(orjson.dumps(entry))
    return f"sha256:{found.hexdigest()}"


def _entries(files: Path) -> Iterator[tuple[str, str, str]]:
    """Path, kind, and content of everything, in an order that does not depend on the file system."""
    for parent, folders, names in os.walk(files):
        folders.sort()
        for name in sorted((*folders, *names)):
            path = Path(parent, name)
            relative = os.fsencode(path.relative_to(files)).decode("utf-8", "backslashreplace")
            mode = path.lstat().st_mode
            if stat.S_ISLNK(mode):
                yield relative, "link", os.fsencode(path.readlink()).decode("utf-8", "backslashreplace")
            elif stat.S_ISDIR(mode):
                yield relative, "folder", ""
            else:
                with path.open("rb") as file:
                    content = hashlib.file_digest(file, "sha256").hexdigest()
                yield relative, "program" if mode & stat.S_IXUSR else "file", content
