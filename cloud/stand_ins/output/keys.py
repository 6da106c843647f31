"""Keys of resources in ``--format`` and ``--filter``: ``a.b``, ``a[0]``, ``a[].b``, ``name.basename()``.

https://cloud.google.com/sdk/gcloud/reference/topic/resource-keys, …/topic/projections.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cloud.stand_ins.failures import Failure

_PART = re.compile(
    r"\.?(?P<name>[A-Za-z_@$][\w@$-]*)(?P<call>\((?P<args>[^()]*)\))?|\[(?P<index>-?\d*)\]|\.?(?P<quoted>\"[^\"]*\")"
)


def snake(name: str) -> str:
    """``jobId`` -> ``JOB_ID``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).upper()


@dataclass(frozen=True, slots=True)
class Key:
    """Where a value is in a resource, and what is made of it."""

    text: str
    path: tuple[str | int | None, ...]
    """Names, indexes, or None for each item of a list."""
    transforms: tuple[tuple[str, tuple[str, ...]], ...] = ()
    label: str | None = None

    @property
    def heading(self) -> str:
        if self.label is not None:
            return self.label
        names = [part for part in self.path if isinstance(part, str)]
        return snake(names[-1]) if names else self.text.upper()

    def value(self, resource: Any) -> Any:
        found = _walk(resource, self.path)
        for name, args in self.transforms:
            plain = [arg.strip("'\"") for arg in args if "=" not in arg]
            named = dict(arg.partition("=")[::2] for arg in args if "=" in arg)
            found = TRANSFORMS[name](found, *plain, **{key: text.strip("'\"") for key, text in named.items()})
        return found


def parse_key(text: str) -> Key:
    """
    Args:
        text: ``KEY[:label=TEXT][:sort=1]…``.

    Raises:
        Failure: a form that the stand-in does not know.
    """
    text = text.strip()
    body, *attributes = re.split(r":(?=[a-z]+(?:=|$))", text)
    label = None
    for attribute in attributes:
        name, _, value = attribute.partition("=")
        if name == "label":
            label = value.strip("'\"")
    path: list[str | int | None] = []
    transforms: list[tuple[str, tuple[str, ...]]] = []
    position = 0
    while position < len(body):
        found = _PART.match(body, position)
        if found is None:
            raise Failure(f"the stand-in of gcloud does not know the key [{text}]")
        position = found.end()
        if found["call"]:
            if found["name"] not in TRANSFORMS:
                raise Failure(f"the stand-in of gcloud does not know the transform [{found['name']}()] in [{text}]")
            args = tuple(part.strip() for part in found["args"].split(",") if part.strip())
            transforms.append((found["name"], args))
        elif found["index"] is not None:
            path.append(int(found["index"]) if found["index"] else None)
        else:
            path.append((found["name"] or found["quoted"]).strip('"'))
    return Key(body, tuple(path), tuple(transforms), label)


def split_list(text: str) -> list[str]:
    """At the commas outside of parentheses, brackets and quotes."""
    parts, depth, quote, current = [], 0, "", ""
    for char in text:
        if quote:
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote = char
        elif char in "([":
            depth += 1
        elif char in ")]":
            depth -= 1
        elif char == "," and depth == 0:
            parts.append(current)
            current = ""
            continue
        current += char
    return [part.strip() for part in [*parts, current] if part.strip()]


def _walk(value: Any, path: tuple[str | int | None, ...]) -> Any:
    for position, part in enumerate(path):
        if value is None:
            return None
        if part is None:
            items = value if isinstance(value, list) else [value]
            return [_walk(item, path[position + 1 :]) for item in items]
        if isinstance(part, int):
            value = value[part] if isinstance(value, list) and -len(value) <= part < len(value) else None
        elif isinstance(value, dict):
            value = value[part] if part in value else value.get(_camel(part))
        elif isinstance(value, list):
            return [_walk(item, path[position:]) for item in value]
        else:
            return None
    return value


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)


def _segment(value: Any, index: str = "-1") -> Any:
    parts = str(value or "").split("/")
    number = int(index)
    return parts[number] if -len(parts) <= number < len(parts) else ""


def _date(value: Any, format: str = "%Y-%m-%dT%H:%M:%S", tz: str = "") -> Any:  # noqa: A002 - gcloud's name of it
    if not value:
        return ""
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        return value
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    if tz.upper() == "LOCAL":
        moment = moment.astimezone()
    return moment.strftime(format)


def _listed(value: Any, *_: str, **__: str) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else str(value if value is not None else "")


def _yes_no(value: Any, yes: str = "Yes", no: str = "No") -> str:
    return yes if value else no


TRANSFORMS: dict[str, Callable[..., Any]] = {
    "basename": lambda value, *_, **__: _segment(value),
    "segment": _segment,
    "scope": lambda value, *_, **__: _segment(value),
    "date": _date,
    "list": _listed,
    "join": lambda value, separator="/": separator.join(map(str, value)) if isinstance(value, list) else value,
    "len": lambda value: len(value) if value is not None else 0,
    "count": lambda value: len(value) if value is not None else 0,
    "yesno": _yes_no,
    "flatten": lambda value, *_, **__: value,
}
