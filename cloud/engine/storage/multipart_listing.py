"""Lists of multipart uploads: their order, prefixes and pages. Pure.

https://cloud.google.com/storage/docs/xml-api/get-bucket-uploads
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

_AFTER_ALL = "\U0010ffff"
"""Greater than every id."""


class Upload(Protocol):
    @property
    def id(self) -> str: ...
    @property
    def name(self) -> str: ...


T = TypeVar("T", bound=Upload)


@dataclass(frozen=True, slots=True)
class UploadQuery:
    """Which uploads of a bucket are listed."""

    prefix: str = ""
    delimiter: str = ""
    after_name: str = ""
    """Only later names; with ``after_id`` also this one's uploads after that."""
    after_id: str = ""
    limit: int = 1000
    """Of uploads and prefixes together."""


@dataclass(frozen=True, slots=True)
class UploadPage(Generic[T]):
    uploads: list[T]
    prefixes: list[str]
    next_name: str = ""
    next_id: str = ""
    is_last: bool = True


def list_uploads(scan: Callable[[str, str], Iterable[T]], query: UploadQuery) -> UploadPage[T]:
    """One page.

    Args:
        scan: yields the uploads after a name and an id, in order of both.
    """
    page: UploadPage[T] = UploadPage([], [])
    last = ("", "")
    start = (query.after_name, query.after_id or _AFTER_ALL) if query.after_name >= query.prefix else (query.prefix, "")
    for upload in scan(*start):
        if not upload.name.startswith(query.prefix):
            break
        folder = _folder(upload.name, query)
        if folder and folder in (query.after_name, last[0]):
            continue
        if len(page.uploads) + len(page.prefixes) >= query.limit:
            return UploadPage(page.uploads, page.prefixes, *last, is_last=False)
        last = (folder, "") if folder else (upload.name, upload.id)
        if folder:
            page.prefixes.append(folder)
        else:
            page.uploads.append(upload)
    return page


def _folder(name: str, query: UploadQuery) -> str:
    end = name.find(query.delimiter, len(query.prefix)) if query.delimiter else -1
    return name[: end + len(query.delimiter)] if end >= 0 else ""
