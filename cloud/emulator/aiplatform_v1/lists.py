"""Lists of Vertex AI's resources: ``filter``, ``orderBy``, ``readMask``, pages.

Filters: descriptions of the ``filter`` parameters in the discovery document ``aiplatform.v1``.
"""

from collections.abc import Callable, Sequence

from cloud.emulator.rest.aip160 import parse_filter
from cloud.emulator.rest.call import Call
from cloud.emulator.rest.field_mask import Mask, apply_fields
from cloud.emulator.rest.paging import page
from cloud.emulator.rest.schemas import Schemas
from cloud.errors import InvalidArgument
from cloud.resources import Json

Item = dict[str, Json]
_ORDERS = {"": False, "asc": False, "desc": True}


class Lists:
    """Answers of list methods.

    Args:
        schemas: of the API, which tell what there is to filter by.
    """

    def __init__(self, schemas: Schemas) -> None:
        self._schemas = schemas

    def answer(self, call: Call, message: str, field: str, items: Sequence[tuple[int, Item]]) -> Item:
        """The page asked for, in ``field``, which is left out if nothing is listed.

        Args:
            message: what is listed (``CustomJob``).
            items: newest first, each with a number that is larger for what was made later.

        Raises:
            InvalidArgument: a wrong filter, order, mask, size or token.
        """
        kind = message[:1].lower() + message[1:]
        path = self._paths(f"GoogleCloudAiplatformV1{message}", kind)
        wanted = parse_filter(call.query.get("filter", ""), path)
        found = [(number, item) for number, item in items if wanted(item | {kind: _id(item)})]
        ordered = _sort(found, call.query.get("orderBy", ""), path)
        order = call.query.get("orderBy", "")
        scope = f"{call.method.id} {call.name} {order}"
        shown, token = page(
            ordered, lambda entry: f"{2**63 - entry[0]:020d}", call.query, scope, in_order=not order.strip()
        )
        mask = _mask(call.query.get("readMask", ""), path)
        answer: Item = {field: [apply_fields(mask, item) if mask else item for _, item in shown]} if shown else {}
        return answer | ({"nextPageToken": token} if token else {})

    def _paths(self, schema: str, kind: str) -> Callable[[str], Sequence[str] | None]:
        # A model or endpoint is also found by its id, under the name of what it is.
        return lambda path: [kind] if path == kind else self._schemas.json_path(schema, path)


def _id(item: Item) -> str:
    return str(item["name"]).rpartition("/")[2]


def _mask(text: str, path: Callable[[str], Sequence[str] | None]) -> Mask:
    """What of each resource is wanted; nothing said is everything."""
    mask: dict[str, Json] = {}
    for part in filter(None, map(str.strip, text.split(","))):
        if part == "*":
            return {}
        way = path(part)
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


def _sort(
    items: Sequence[tuple[int, Item]], order: str, path: Callable[[str], Sequence[str] | None]
) -> list[tuple[int, Item]]:
    ordered = list(items)
    for part in reversed([part.split() for part in order.split(",") if part.strip()]):
        way = path(part[0])
        direction = part[1].lower() if len(part) > 1 else ""
        if way is None or len(way) != 1 or len(part) > 2 or direction not in _ORDERS:
            raise InvalidArgument(
                f"{' '.join(part)[:100]!r} is no order: name a field, and desc after it for the last first.",
                field="order_by",
            )
        ordered.sort(key=lambda entry, name=way[0]: str(entry[1].get(name, "")), reverse=_ORDERS[direction])  # type: ignore[misc]
    return ordered
