"""``objects.list``: items, prefixes, their order, and pages. Pure.

https://cloud.google.com/storage/docs/json_api/v1/objects/list. Names are sorted by their UTF-8 bytes, which for valid
text is the order of Python's strings.
"""

import base64
import itertools
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from cloud.engine.storage.globs import Glob
from cloud.errors import InvalidArgument


class Listed(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def position(self) -> str:
        """Where a page that begins with it starts."""


T = TypeVar("T", bound=Listed)


@dataclass(frozen=True, slots=True)
class ListQuery:
    prefix: str = ""
    delimiter: str = ""
    start_offset: str = ""
    """Only names from this one on."""
    end_offset: str = ""
    """Only names before this one; empty for no end."""
    max_results: int = 1000
    """Of items and prefixes together."""
    page_token: str = ""
    include_trailing_delimiter: bool = False
    """Objects whose name ends in the first delimiter after the prefix are items too, with all their versions."""
    match_glob: str = ""
    has_versions: bool = False
    """Also noncurrent ones."""
    is_soft_deleted: bool = False
    """Only those that were deleted and can be restored."""


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    items: list[T]
    prefixes: list[str]
    next_page_token: str = ""


def list_page(scan: Callable[[str], Iterator[T]], query: ListQuery) -> Page[T]:
    """One page.

    Args:
        scan: yields everything from a name or position on, in order; called again to skip a prefix.

    Raises:
        InvalidArgument: ``page_token`` or ``match_glob`` is invalid, or has another delimiter than ``/``.
    """
    if query.match_glob and query.delimiter not in ("", "/"):
        raise InvalidArgument(
            f"With matchGlob the only delimiter is '/', not {query.delimiter[:100]!r}", field="delimiter"
        )
    glob = Glob(query.match_glob) if query.match_glob else None
    # What a pattern begins with, names begin with, too: no others are read.
    literal = re.split(r"[*?\[{]", query.match_glob, maxsplit=1)[0]
    beginning = max(query.prefix, literal, key=len)
    if not (beginning.startswith(query.prefix) and beginning.startswith(literal)):
        return Page([], [])
    page: Page[T] = Page([], [])
    position: str | None = max(beginning, query.start_offset, _position(query.page_token))
    while position is not None:
        scanned = scan(position)
        for item in scanned:
            name = item.name
            if not name.startswith(beginning) or (query.end_offset and name >= query.end_offset):
                return page
            if name < query.start_offset or (glob and not glob.matches(name)):
                continue
            folder = _folder(name, query)
            if len(page.items) + len(page.prefixes) >= query.max_results:
                return Page(page.items, page.prefixes, _token(folder or item.position))
            if folder is None:
                page.items.append(item)
                continue
            page.prefixes.append(folder)
            if query.include_trailing_delimiter and name == folder:
                page.items.extend(_of_one_name(item, scanned))
            position = successor(folder)
            break
        else:
            return page
    return page


def _of_one_name(first: T, following: Iterator[T]) -> Iterator[T]:
    """All versions of an object."""
    yield first
    yield from itertools.takewhile(lambda item: item.name == first.name, following)


def _folder(name: str, query: ListQuery) -> str | None:
    if not query.delimiter:
        return None
    end = name.find(query.delimiter, len(query.prefix))
    return None if end < 0 else name[: end + len(query.delimiter)]


def successor(prefix: str) -> str | None:
    """The first string after all those that start with ``prefix``; None if there is none."""
    while prefix:
        following = ord(prefix[-1]) + 1
        if following == 0xD800:  # surrogates are not characters
            following = 0xE000
        if following <= 0x10FFFF:
            return prefix[:-1] + chr(following)
        prefix = prefix[:-1]
    return None


def _token(position: str) -> str:
    return base64.urlsafe_b64encode(position.encode()).decode()


def _position(token: str) -> str:
    try:
        return base64.b64decode(token, altchars=b"-_", validate=True).decode()
    except ValueError:
        raise InvalidArgument(f"Invalid page token {token[:100]!r}", field="pageToken") from None
