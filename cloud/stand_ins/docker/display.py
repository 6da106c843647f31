"""How docker shows sizes, ages, names, tables and ``--format``. Pure."""

import json
import re
from collections.abc import Sequence
from typing import Any

from cloud.stand_ins.failures import Failure

_ACTION = re.compile(r"\{\{-?\s*(.*?)\s*-?\}\}")
_PATH = re.compile(r"(?:\.\w+)+|\.")
_STEPS = (
    ("second", 60), ("minute", 60), ("hour", 48), ("day", 14), ("week", 9), ("month", 24), ("year", 10**9),
)  # fmt: skip
_NARROWEST, _BETWEEN = 10, 3
_LENGTHS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400, "week": 604800, "month": 2592000, "year": 31536000}


def size_text(count: float) -> str:
    """https://pkg.go.dev/github.com/docker/go-units#HumanSize: three digits, and four for what is sent."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.4g}{unit}"
        count /= 1000
    return f"{count:.4g}TB"


def age_text(seconds: float) -> str:
    """https://pkg.go.dev/github.com/docker/go-units#HumanDuration"""
    if seconds < 1:
        return "Less than a second ago"
    for unit, limit in _STEPS:
        count = int(seconds // _LENGTHS[unit])
        if count < limit:
            break
    if count == 1 and unit in ("minute", "hour"):
        return f"About {'an' if unit == 'hour' else 'a'} {unit} ago"
    return f"{count} {unit}{'' if count == 1 else 's'} ago"


def split_name(name: str) -> tuple[str, str]:
    """The repository and the tag, or the digest; empty if there is none."""
    repository, at, digest = name.partition("@")
    if at:
        return repository, digest
    if ":" in name.rpartition("/")[2]:
        repository, _, tag = name.rpartition(":")
        return repository, tag
    return name, ""


def whole_name(name: str) -> str:
    """With the host of Docker Hub, where it has none."""
    host, slash, _ = name.partition("/")
    if slash and (set(".:") & set(host) or host == "localhost"):
        return name
    return f"docker.io/{name}" if slash else f"docker.io/library/{name}"


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Docker's columns: ten wide at least, three blanks between them."""
    widths = [max(_NARROWEST, _BETWEEN + max(map(len, column))) for column in zip(headings, *rows, strict=True)]
    widths[-1] = 0
    return "".join(
        "".join(text.ljust(width) for text, width in zip(row, widths, strict=True)) + "\n" for row in (headings, *rows)
    )


def formatted(template: str, value: Any) -> str:
    """What a Go template of fields shows: ``{{.Id}}``, ``{{json .Config}}``, ``{{index .RepoDigests 0}}``.

    Raises:
        Failure: it is another template.
    """
    if template == "json":
        return json.dumps(value, separators=(",", ":"))
    return _ACTION.sub(lambda action: _evaluated(action[1], value), template.replace(r"\t", "\t").replace(r"\n", "\n"))


def _evaluated(action: str, value: Any) -> str:
    words = action.split()
    match words:
        case [path] if _PATH.fullmatch(path):
            found = _field(path, value)
            return found if isinstance(found, str) else _go_text(found)
        case ["json", path] if _PATH.fullmatch(path):
            return json.dumps(_field(path, value), separators=(",", ":"))
        case ["index", path, key] if _PATH.fullmatch(path):
            found = _field(path, value)
            try:
                return str(found[int(key)] if isinstance(found, list) else found[key.strip('"')])
            except (LookupError, TypeError, ValueError):
                raise Failure(f"template parsing error: error calling index: {key} is not in {path}") from None
    raise Failure(f"template parsing error: {{{{{action}}}}} is not in this docker: it knows fields, json and index")


def _field(path: str, value: Any) -> Any:
    for name in filter(None, path.split(".")):
        if not isinstance(value, dict) or name not in value:
            raise Failure(f'template parsing error: can\'t evaluate field {name}: it is not in "{path}"')
        value = value[name]
    return value


def _go_text(value: Any) -> str:
    match value:
        case None:
            return "<nil>"
        case bool():
            return str(value).lower()
        case list():
            return f"[{' '.join(map(_go_text, value))}]"
        case dict():
            return f"map[{' '.join(f'{name}:{_go_text(each)}' for name, each in sorted(value.items()))}]"
    return str(value)
