"""Answers of list methods: ``filter``, ``orderBy``, ``readMask``, pages.

What is listed comes in chunks, and no more of them are read than a page needs: a page of a long list costs what one of
a short list does, and other requests are answered between two chunks.
"""

import asyncio
from bisect import bisect_right
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence

from cloud.emulator.rest.aip160 import Find, ListFilter
from cloud.emulator.rest.call import Call
from cloud.emulator.rest.field_mask import Mask, apply_fields
from cloud.emulator.rest.paging import read_page
from cloud.emulator.rest.records import Record, Records
from cloud.emulator.rest.schemas import Schemas
from cloud.errors import InvalidArgument
from cloud.resources import Json

CHUNK = 50
"""Items read and filtered at once: a few milliseconds."""
Item = dict[str, Json]
Chunks = Callable[[str], AsyncIterator[Sequence[tuple[str, Item]]]]
"""What follows the item with a key in the list (all of it for an empty key), each item with its own key."""
_ORDERS = {"": False, "asc": False, "desc": True}


class Lists:
    """
    Args:
        schemas: of the API, which tell what there is to filter by.
    """

    def __init__(self, schemas: Schemas) -> None:
        self.schemas = schemas

    def filter(self, call: Call, find: Find) -> ListFilter:
        """Raises:
        InvalidArgument: a wrong filter.
        """
        return ListFilter(call.query.get("filter", ""), find)

    async def answer(self, call: Call, field: str, schema: str, chunks: Chunks, *, kind: str = "") -> Item:
        """The page asked for, in ``field``, which is left out if nothing is listed.

        Args:
            schema: of what is listed.
            kind: name under which a filter finds the last part of an item's name (``model=123``).

        Raises:
            InvalidArgument: a wrong filter, order, mask, size or token.
        """

        def find(path: str) -> Sequence[str] | None:
            return [kind] if path == kind else self.schemas.json_path(schema, path)

        return await self.page(call, field, find, chunks, kind=kind)

    async def page(self, call: Call, field: str, find: Find, chunks: Chunks, *, kind: str = "") -> Item:
        """``answer`` where ``find`` tells what there is to filter by."""
        wanted, order = self.filter(call, find), call.query.get("orderBy", "").strip()
        page = read_page(call.query, f"{call.method.id} {call.name} {order}")
        mask = _mask(call.query.get("readMask", ""), find)
        found: list[tuple[str, Item]] = []
        # Only what is in the list's own order can be read from where the page begins.
        async for chunk in chunks("" if order else page.after):
            found += [(key, item) for key, item in chunk if wanted(item | {kind: _id(item)} if kind else item)]
            if len(found) > page.size and not order:
                break
            await asyncio.sleep(0)
        if order:
            found = _sort(found, order, find)
            if page.after:
                found = _following(found, page.after)
        shown = found[: page.size]
        answer: Item = {field: [apply_fields(mask, item) if mask else item for _, item in shown]} if shown else {}
        return answer | ({"nextPageToken": page.token(shown[-1][0])} if len(found) > page.size else {})


def in_chunks(items: Iterable[Item], key: str, *, in_order: bool = True) -> Chunks:
    """Of a short list with a unique field ``key``.

    Args:
        in_order: they are in order of it; if not, none of them is ever removed.
    """

    async def chunks(after: str) -> AsyncIterator[Sequence[tuple[str, Item]]]:
        keyed = [(str(item[key]), item) for item in items]
        keys = [at for at, _ in keyed]
        start = 0 if not after else bisect_right(keys, after) if in_order else keys.index(after) + 1
        for begin in range(start, len(keyed), CHUNK):
            yield keyed[begin : begin + CHUNK]

    return chunks


def of_records(records: Records, parent: str, answer: Callable[[Record], Awaitable[Item | None]]) -> Chunks:
    """The records of a collection, newest first; ``answer`` makes None of one that is shown to nobody."""

    async def chunks(after: str) -> AsyncIterator[Sequence[tuple[str, Item]]]:
        before = int(after) if after else None
        while found := records.below(parent, before=before, limit=CHUNK):
            items = [(str(record.sequence), await answer(record)) for record in found]
            yield [(key, item) for key, item in items if item is not None]
            before = found[-1].sequence

    return chunks


def _id(item: Item) -> str:
    return str(item["name"]).rpartition("/")[2]


def _mask(text: str, find: Find) -> Mask:
    """What of each resource is wanted; an empty mask is everything."""
    mask: dict[str, Json] = {}
    for part in filter(None, map(str.strip, text.split(","))):
        if part == "*":
            return {}
        way = find(part)
        if way is None:
            raise InvalidArgument(f"{part[:100]!r} is no field of what is listed.", field="read_mask")
        place = mask
        for name in way[:-1]:
            if place.setdefault(name, {}) is None:  # all of it is wanted anyway
                break
            place = place[name]
        else:
            place[way[-1]] = None
    return mask


def _sort(items: Sequence[tuple[str, Item]], order: str, find: Find) -> list[tuple[str, Item]]:
    ordered = list(items)
    for part in reversed([part.split() for part in order.split(",") if part.strip()]):
        way = find(part[0])
        direction = part[1].lower() if len(part) > 1 else ""
        if way is None or len(way) != 1 or len(part) > 2 or direction not in _ORDERS:
            raise InvalidArgument(
                f"{' '.join(part)[:100]!r} is no order: name a field, and desc after it for the last first.",
                field="order_by",
            )
        ordered.sort(key=lambda entry, name=way[0]: str(entry[1].get(name, "")), reverse=_ORDERS[direction])  # type: ignore[misc]
    return ordered


def _following(items: list[tuple[str, Item]], last: str) -> list[tuple[str, Item]]:
    for place, (key, _) in enumerate(items):
        if key == last:
            return items[place + 1 :]
    raise InvalidArgument("What the page token stands for was deleted meanwhile: list anew.", field="page_token")
