"""An environment as text: for a POSIX shell, for fish, and as JSON. Pure."""

import json
import shlex
from collections.abc import Collection, Mapping


def posix(variables: Mapping[str, str], unset: Collection[str] = ()) -> str:
    """Lines for ``eval`` or ``.`` in sh, bash and zsh."""
    lines = [f"unset {name}" for name in sorted(unset)]
    return _text(lines + [f"export {name}={shlex.quote(value)}" for name, value in sorted(variables.items())])


def fish(variables: Mapping[str, str], unset: Collection[str] = ()) -> str:
    """Lines for ``source`` in fish, where within single quotes a backslash and a quote are written with a backslash
    (https://fishshell.com/docs/current/language.html#quotes)."""
    lines = [f"set -e {name}" for name in sorted(unset)]
    for name, value in sorted(variables.items()):
        quoted = value.replace("\\", "\\\\").replace("'", "\\'")
        lines.append(f"set -gx {name} '{quoted}'")
    return _text(lines)


def as_json(variables: Mapping[str, str], unset: Collection[str] = ()) -> str:
    """One object; what is to be unset has the value null."""
    return json.dumps({**dict.fromkeys(sorted(unset)), **variables}, indent=2, sort_keys=True) + "\n"


FORMS = {"bash": posix, "fish": fish, "json": as_json}
"""By what ``--shell`` calls them."""


def _text(lines: list[str]) -> str:
    return "".join(f"{line}\n" for line in lines)
