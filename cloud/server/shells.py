"""Environment variables as a POSIX shell script, a fish script or JSON. Pure."""

import json
import shlex
from collections.abc import Collection, Mapping


def posix(variables: Mapping[str, str], unset: Collection[str] = ()) -> str:
    """Lines for ``eval`` or ``.`` in sh, bash and zsh."""
    lines = [f"unset {name}" for name in sorted(unset)]
    return _joined(lines + [f"export {name}={shlex.quote(value)}" for name, value in sorted(variables.items())])


def fish(variables: Mapping[str, str], unset: Collection[str] = ()) -> str:
    """Lines for ``source`` in fish, which escapes backslash and quote by a backslash within single quotes
    (https://fishshell.com/docs/current/language.html#quotes)."""
    lines = [f"set -e {name}" for name in sorted(unset)]
    for name, value in sorted(variables.items()):
        quoted = value.replace("\\", "\\\\").replace("'", "\\'")
        lines.append(f"set -gx {name} '{quoted}'")
    return _joined(lines)


def as_json(variables: Mapping[str, str], unset: Collection[str] = ()) -> str:
    """One object; variables to unset have the value null."""
    return json.dumps({**dict.fromkeys(sorted(unset)), **variables}, indent=2, sort_keys=True) + "\n"


FORMATS = {"bash": posix, "fish": fish, "json": as_json}
"""By the value of ``--shell``."""


def _joined(lines: list[str]) -> str:
    return "".join(f"{line}\n" for line in lines)
