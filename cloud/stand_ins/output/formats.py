"""``--format``: value, csv, table, json, yaml, flattened (https://cloud.google.com/sdk/gcloud/reference/topic/formats)."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from cloud.stand_ins.failures import Failure
from cloud.stand_ins.output.keys import Key, parse_key, split_list

_FORMAT = re.compile(
    r"\s*(?P<name>[a-z-]+)?\s*(?P<attributes>\[[^\]]*\])?\s*(?:\((?P<keys>.*)\))?\s*(?::.*)?", re.DOTALL
)
_SILENT = ("none", "disable")
NAMES = ("csv", "default", "disable", "flattened", "get", "json", "list", "none", "table", "text", "value", "yaml")


@dataclass(frozen=True, slots=True)
class Format:
    name: str
    attributes: frozenset[str]
    keys: tuple[Key, ...]


def parse_format(text: str) -> Format:
    """Raises:
    Failure: not a format that the stand-in knows.
    """
    found = _FORMAT.fullmatch(text)
    name = found["name"] or "default" if found else ""
    if found is None or name not in NAMES:
        raise Failure(
            f"Format for gcloud must be one of [{', '.join(NAMES)}]; received [{text}]. "
            "(This gcloud is the stand-in of an offline cloud.)"
        )
    attributes = (found["attributes"] or "[]")[1:-1]
    keys = tuple(parse_key(part) for part in split_list(found["keys"] or ""))
    return Format(name, frozenset(split_list(attributes)), keys)


def render(resource: Any, text: str, defaults: str | None = None) -> str:
    """What a command prints of its result.

    Args:
        resource: a list for commands that list.
        defaults: the command's own format, whose labels and transforms hold for the same keys.
    """
    wanted = parse_format(text)
    if defaults is not None and defaults != text:
        wanted = _with_defaults(wanted, parse_format(defaults).keys)
    items = resource if isinstance(resource, list) else [resource]
    if wanted.name in _SILENT:
        return ""
    if wanted.name in ("default", "yaml"):
        return _yaml(resource, wanted)
    if wanted.name == "json":
        shown = _project(resource, wanted.keys)
        return json.dumps(shown, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    if wanted.name in ("flattened", "text"):
        return "".join(_flattened(item, wanted.keys) for item in items)
    if wanted.name == "list":
        return "".join(f" - {item if not wanted.keys else _cells(item, wanted)[0]}\n" for item in items)
    if not wanted.keys:
        raise Failure(f"Format [{wanted.name}] requires a non-empty projection.")
    if wanted.name == "table":
        return table([_cells(item, wanted) for item in items], [key.heading for key in wanted.keys], wanted.attributes)
    rows = [_cells(item, wanted) for item in items]
    if wanted.name == "csv":
        heading = [] if "no-heading" in wanted.attributes else [[_csv_heading(key) for key in wanted.keys]]
        return "".join(",".join(map(_csv_cell, row)) + "\n" for row in heading + rows)
    separator = next((each.partition("=")[2].strip("'\"") for each in wanted.attributes if "separator" in each), "\t")
    return "".join(separator.join(row) + "\n" for row in rows)


def _with_defaults(wanted: Format, defaults: Sequence[Key]) -> Format:
    by_path, by_heading = {key.path: key for key in defaults}, {key.heading.lower(): key for key in defaults}
    keys = []
    for key in wanted.keys:
        if same := by_path.get(key.path):
            keys.append(replace(key, label=key.label or same.label, transforms=key.transforms or same.transforms))
            continue
        named = by_heading.get(key.text.lower())
        keys.append(replace(named, transforms=named.transforms + key.transforms) if named else key)
    return replace(wanted, keys=tuple(keys))


def table(rows: Sequence[Sequence[str]], headings: Sequence[str], attributes: frozenset[str] = frozenset()) -> str:
    """Columns that are as wide as their widest cell, two blanks apart; nothing for no rows."""
    if not rows:
        return ""
    shown = [*([] if "no-heading" in attributes else [list(headings)]), *map(list, rows)]
    widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
    title = next((each[7:-1] for each in attributes if each.startswith("title=")), "")
    width = max(sum(widths) + 2 * len(widths) - 2, len(title))
    lines = [f"{' ' * ((width - len(title)) // 2)}{title}"] if title else []
    lines += ["  ".join(map(str.ljust, row, widths)).rstrip() for row in shown]
    if "box" not in attributes:
        return "".join(f"{line}\n" for line in lines)
    rule = "+" + "+".join("-" * (width + 2) for width in widths) + "+"
    framed = ["| " + " | ".join(map(str.ljust, row, widths)) + " |" for row in shown]
    return "\n".join([rule, framed[0], rule, *framed[1:], rule]) + "\n"


def _yaml(resource: Any, wanted: Format) -> str:
    from cloud.stand_ins.output.yaml_text import dump  # loads for a tenth of a second

    if isinstance(resource, list):
        return "".join("---\n" + dump(_project(item, wanted.keys)) for item in resource)
    return dump(_project(resource, wanted.keys))


def _project(resource: Any, keys: Sequence[Key]) -> Any:
    """Only these keys, in the form of the resource."""
    if not keys:
        return resource
    if isinstance(resource, list):
        return [_project(item, keys) for item in resource]
    found: dict[str, Any] = {}
    for key in keys:
        names = [part for part in key.path if isinstance(part, str)]
        value = key.value(resource)
        if not names or value is None:
            continue
        place = found
        for name in names[:-1]:
            place = place.setdefault(name, {})
        place[names[-1]] = value
    return found


def _cells(item: Any, wanted: Format) -> list[str]:
    return [_cell(key.value(item), wanted.name) for key in wanted.keys]


def _cell(value: Any, name: str) -> str:
    separator = ";" if name in ("value", "csv", "get") else ","
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, list):
        if name in ("table",) and any(isinstance(item, list | dict) for item in value):
            return json.dumps(value, sort_keys=True)
        return separator.join(_cell(item, name) if not isinstance(item, dict) else str(item) for item in value)
    if isinstance(value, dict):
        if name in ("table",):
            return json.dumps(value, sort_keys=True)
        return separator.join(f"{key}={_cell(inner, name)}" for key, inner in sorted(value.items()))
    return str(value)


def _csv_heading(key: Key) -> str:
    return key.heading.lower()


def _csv_cell(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if re.search(r'[",\n]', text) else text


def _flattened(item: Any, keys: Sequence[Key]) -> str:
    rows = list(_leaves(_project(item, keys), ""))
    width = max((len(name) for name, _ in rows), default=0) + 1
    return "---\n" + "".join(f"{name + ':':<{width}} {value}\n" for name, value in rows)


def _leaves(value: Any, above: str) -> list[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        return [leaf for name in sorted(value) for leaf in _leaves(value[name], f"{above}.{name}" if above else name)]
    if isinstance(value, list) and value:
        return [leaf for index, inner in enumerate(value) for leaf in _leaves(inner, f"{above}[{index}]")]
    return [(above, value)]
