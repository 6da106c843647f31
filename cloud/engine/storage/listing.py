"""``objects.list``: items, prefixes, their order, and pages. Pure.

https://cloud.google.com/storage/docs/json_api/v1/objects/list. Names are sorted by their UTF-8 bytes, which for valid
text is the order of Python's strings.
"""

import base64
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from cloud.errors import InvalidArgument


class Named(Protocol):
    @property
    def name(self) -> str: ...


T = TypeVar("T", bound=Named)


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
    """Objects whose name ends in the first delimiter after the prefix are items too."""
    match_glob: str = ""


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    items: list[T]
    prefixes: list[str]
    next_page_token: str = ""


def list_page(scan: Callable[[str], Iterator[T]], query: ListQuery) -> Page[T]:
    """One page.

    Args:
        scan: yields everything from a name on, in order; called again to skip a prefix.

    Raises:
        InvalidArgument: ``page_token`` or ``match_glob`` is invalid.
    """
    glob = glob_expression(query.match_glob) if query.match_glob else None
    page: Page[T] = Page([], [])
    position: str | None = max(query.prefix, query.start_offset, _position(query.page_token))
    while position is not None:
        for item in scan(position):
            name = item.name
            if not name.startswith(query.prefix) or (query.end_offset and name >= query.end_offset):
                return page
            if glob and not glob.fullmatch(name):
                continue
            folder = _folder(name, query)
            if len(page.items) + len(page.prefixes) >= query.max_results:
                return Page(page.items, page.prefixes, _token(folder or name))
            if folder is None:
                page.items.append(item)
                continue
            page.prefixes.append(folder)
            if query.include_trailing_delimiter and name == folder:
                page.items.append(item)
            position = successor(folder)
            break
        else:
            return page
    return page


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


def glob_expression(pattern: str) -> re.Pattern[str]:
    """The regular expression of a ``matchGlob``: ``*`` and ``?`` within a folder, ``**`` across folders, ``[a-z]``,
    ``[!a-z]``, ``{one,two}``.

    https://cloud.google.com/storage/docs/json_api/v1/objects/list#list-objects-and-prefixes-using-glob

    Raises:
        InvalidArgument: a bracket or brace is unclosed.
    """
    expression, depth = "", 0
    for piece in re.split(r"(\*\*/?|\*|\?|\[!?\]?[^\]]*\]|[{},])", pattern):
        if piece in ("**", "**/"):
            expression += ".*" if piece == "**" else "(?:.*/)?"
        elif piece == "*":
            expression += "[^/]*"
        elif piece == "?":
            expression += "[^/]"
        elif piece.startswith("[") and piece.endswith("]"):
            inside = re.sub(r"([\\\[\]&~|^])", r"\\\1", piece[1:-1].removeprefix("!"))
            expression += f"[{'^' if piece[1] == '!' else ''}{inside}]"
        elif piece == "{":
            expression, depth = expression + "(?:", depth + 1
        elif piece == "}" and depth:
            expression, depth = expression + ")", depth - 1
        elif piece == "," and depth:
            expression += "|"
        else:
            expression += re.escape(piece)
    try:
        compiled = re.compile(expression, re.DOTALL)
    except re.error as error:
        raise InvalidArgument(f"Invalid pattern {pattern[:100]!r}: {error}", field="matchGlob") from None
    return compiled
