"""Responses of list methods: ``filter``, ``orderBy``, ``readMask``, pages.

Items are read in small chunks, and no more of them than a page needs: a page of a long list costs what one of a short
list does, and other requests are answered between two chunks.
"""

import asyncio
import inspect
from bisect import bisect_right
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from cloud.emulator.rest.aip160 import Find, ListFilter
from cloud.emulator.rest.call import Call
from cloud.emulator.rest.field_mask import Mask, add_path, apply_fields
from cloud.emulator.rest.paging import read_page
from cloud.emulator.rest.records import Record, Records
from cloud.errors import InvalidArgument
from cloud.resources import Json

CHUNK = 20
"""Items read in one turn of the event loop: a few milliseconds."""
Item = dict[str, Json]
Keyed = Sequence[tuple[str, Item | None]]
"""Items in order, each with its key in the list; None for one that is not shown."""
Read = Callable[[str, int], Awaitable[Keyed]]
"""The items after the one with a key (from the first on for an empty key), at most so many; fewer only at the end."""
T = TypeVar("T")
ToJson = Callable[[T], Item | Awaitable[Item | None] | None]
_ORDERS = {"": False, "asc": False, "desc": True}


def fields_of(call: Call, field: str, *, kind: str = "") -> Find:
    """What a filter, an order or a mask can name: the fields of the message that the response repeats in ``field``.

    Args:
        kind: name under which a filter finds the last part of an item's name (``model=123``).
    """

    def find(path: str) -> Sequence[str] | None:
        if path == kind:
            return [kind]
        found = call.schemas.json_path(call.method.response, f"{field}.{path}")
        return None if found is None else found[1:]

    return find


async def list_page(call: Call, field: str, read: Read, *, kind: str = "", find: Find | None = None) -> Item:
    """The requested page, in ``field``, which is left out if nothing is listed.

    Args:
        kind, find: see ``fields_of``; ``find`` in place of that.

    Raises:
        InvalidArgument: a wrong filter, order, mask, size or token.
    """
    find = find or fields_of(call, field, kind=kind)
    matches, order = ListFilter(call.query.get("filter", ""), find), call.query.get("orderBy", "").strip()
    page = read_page(call.query, f"{call.method.id} {call.name} {order}")
    mask = _mask(call.query.get("readMask", ""), find)
    found: list[tuple[str, Item]] = []
    # Only a list in its own order can be read from where the page begins.
    key = "" if order else page.after
    while order or len(found) <= page.size:
        size = CHUNK if order or matches.text else min(CHUNK, page.size + 1 - len(found))
        chunk = await read(key, size)
        shown = [(key, item) for key, item in chunk if item is not None]
        found += [(key, item) for key, item in shown if matches(item | {kind: _id(item)} if kind else item)]
        if len(chunk) < size:
            break
        key = chunk[-1][0]
        await asyncio.sleep(0)
    if order:
        found = _sort(found, order, find)
        if page.after:
            found = found[_index([key for key, _ in found], page.after) + 1 :]
    on_page = found[: page.size]
    answer: Item = {field: [apply_fields(mask, item) if mask else item for _, item in on_page]} if on_page else {}
    return answer | ({"nextPageToken": page.token(on_page[-1][0])} if len(found) > page.size else {})


def of_items(items: Sequence[T], key: Callable[[T], str], to_json: ToJson[T], *, is_sorted: bool = True) -> Read:
    """Reads a list that is in memory.

    Args:
        key: unique.
        is_sorted: by ``key``; if not, none of the items is ever removed.
    """
    keys = [key(item) for item in items]

    async def read(after: str, limit: int) -> Keyed:
        start = 0 if not after else bisect_right(keys, after) if is_sorted else _index(keys, after) + 1
        return [(keys[at], await _json(to_json, items[at])) for at in range(start, min(start + limit, len(keys)))]

    return read


def of_records(records: Records, parent: str, to_json: ToJson[Record]) -> Read:
    """Reads the records of a collection, newest first."""

    async def read(after: str, limit: int) -> Keyed:
        found = records.below(parent, before=int(after) if after else None, limit=limit)
        return [(str(record.sequence), await _json(to_json, record)) for record in found]

    return read


async def _json(to_json: ToJson[T], item: T) -> Item | None:
    found = to_json(item)
    return await found if inspect.isawaitable(found) else found


def _id(item: Item) -> str:
    return str(item["name"]).rpartition("/")[2]


def _mask(text: str, find: Find) -> Mask:
    """The fields of each item that are wanted; an empty mask is all of them."""
    mask: dict[str, Json] = {}
    for part in filter(None, map(str.strip, text.split(","))):
        if part == "*":
            return {}
        path = find(part)
        if path is None:
            raise InvalidArgument(f"{part[:100]!r} is no field of what is listed.", field="read_mask")
        add_path(mask, path)
    return mask


def _sort(items: Sequence[tuple[str, Item]], order: str, find: Find) -> list[tuple[str, Item]]:
    ordered = list(items)
    for part in reversed([part.split() for part in order.split(",") if part.strip()]):
        path = find(part[0])
        direction = part[1].lower() if len(part) > 1 else ""
        if path is None or len(path) != 1 or len(part) > 2 or direction not in _ORDERS:
            raise InvalidArgument(
                f"{' '.join(part)[:100]!r} is no order: name a field, and desc after it for the last first.",
                field="order_by",
            )
        ordered.sort(key=lambda entry, name=path[0]: str(entry[1].get(name, "")), reverse=_ORDERS[direction])  # type: ignore[misc]
    return ordered


def _index(keys: Sequence[str], key: str) -> int:
    try:
        return keys.index(key)
    except ValueError:
        raise InvalidArgument(
            "What the page token stands for was deleted meanwhile: start the list again.", field="page_token"
        ) from None
