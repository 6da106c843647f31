"""Lists in pages: ``pageSize``, ``pageToken``, ``nextPageToken``. Pure.

Rules: https://google.aip.dev/158. A token says after which item the next page begins, so that what is made or deleted
in between neither repeats an item nor skips one.
"""

import base64
import binascii
import hashlib
import json
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from cloud.errors import InvalidArgument
from cloud.resources import Json

DEFAULT_SIZE, LARGEST_SIZE = 20, 100
"""Items on a page (discovery document ``ml.v1``, parameter ``pageSize`` of every list)."""

T = TypeVar("T")


def page(
    items: Sequence[T], key: Callable[[T], str], query: Mapping[str, Json], scope: str, *, in_order: bool = True
) -> tuple[list[T], str]:
    """One page of ``items``, and the token of the next one: empty if this is the last.

    Args:
        items: with a unique ``key``; sorted by it, unless items are never removed.
        query: checked parameters of the request.
        scope: what is listed: a token is good for the same list only.
        in_order: whether ``items`` are sorted as said; otherwise a page cannot begin after an item that is gone.

    Raises:
        InvalidArgument: a negative size, or a token that is none of this list's.
    """
    size = query.get("pageSize") or DEFAULT_SIZE
    if size < 0:
        raise InvalidArgument(f"The page size must not be negative: {size}", field="page_size")
    size = min(size, LARGEST_SIZE)
    mark = hashlib.sha256(f"{scope}\n{query.get('filter', '')}".encode()).hexdigest()[:8]
    keys = [key(item) for item in items]
    start = _after(keys, _read(query["pageToken"], mark), in_order) if query.get("pageToken") else 0
    shown = list(items[start : start + size])
    more = start + size < len(items)
    return shown, _written(mark, keys[start + size - 1]) if more else ""


def _after(keys: list[str], last: str, in_order: bool) -> int:  # noqa: FBT001
    if last in keys:
        return keys.index(last) + 1
    if not in_order:
        raise InvalidArgument("What the page token stands for was deleted meanwhile: list anew.", field="page_token")
    return bisect_right(keys, last)


def _written(mark: str, last: str) -> str:
    return base64.urlsafe_b64encode(json.dumps([mark, last]).encode()).decode()


def _read(token: str, mark: str) -> str:
    try:
        found = json.loads(base64.urlsafe_b64decode(token.encode()))
    except (binascii.Error, ValueError, RecursionError):
        found = None
    match found:
        case [str(given), str(last)] if given == mark:
            return last
    raise InvalidArgument("The page token is not one of this list with this filter.", field="page_token")
