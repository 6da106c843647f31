"""Environment variables as a POSIX shell script, a fish script or JSON. Pure."""

import json
import shlex
from collections.abc import Collection, Mapping
from pathlib import Path

from cloud.server.guest_programs import placement

Programs = tuple[Path, bool] | None
"""A folder of programs for PATH, and whether it comes first."""


def posix(variables: Mapping[str, str], unset: Collection[str] = (), programs: Programs = None) -> str:
    """Lines for ``eval`` or ``.`` in sh, bash and zsh."""
    lines = [f"unset {name}" for name in sorted(unset)]
    lines += [f"export {name}={shlex.quote(value)}" for name, value in sorted(variables.items())]
    if programs is not None:
        folder, is_first = shlex.quote(str(programs[0])), programs[1]
        longer = f'{folder}:"$PATH"' if is_first else f'"$PATH":{folder}'
        lines.append(f'case ":$PATH:" in *:{folder}:*) ;; *) export PATH={longer} ;; esac')
    return _joined(lines)


def fish(variables: Mapping[str, str], unset: Collection[str] = (), programs: Programs = None) -> str:
    """Lines for ``source`` in fish, which escapes backslash and quote by a backslash within single quotes
    (https://fishshell.com/docs/current/language.html#quotes)."""
    lines = [f"set -e {name}" for name in sorted(unset)]
    lines += [f"set -gx {name} {_fish_quoted(value)}" for name, value in sorted(variables.items())]
    if programs is not None:
        folder, is_first = _fish_quoted(str(programs[0])), programs[1]
        longer = f"{folder} $PATH" if is_first else f"$PATH {folder}"
        lines.append(f"contains {folder} $PATH; or set -gx PATH {longer}")
    return _joined(lines)


def as_json(variables: Mapping[str, str], unset: Collection[str] = (), programs: Programs = None) -> str:  # noqa: ARG001
    """One object; variables to unset have the value null. PATH, which is each program's own, is left out."""
    return json.dumps({**dict.fromkeys(sorted(unset)), **variables}, indent=2, sort_keys=True) + "\n"


def _fish_quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


FORMATS = {"bash": posix, "fish": fish, "json": as_json}
"""By the value of ``--shell``."""


def script(shell: str, environ: Mapping[str, str], unset: Collection[str]) -> str:
    """The environment of a cloud's programs for another shell, which keeps its own PATH beside the cloud's programs.

    Args:
        shell: one of ``FORMATS``.
    """
    variables = {name: value for name, value in environ.items() if name != "PATH"}
    return FORMATS[shell](variables, unset, placement(environ))


def _joined(lines: list[str]) -> str:
    return "".join(f"{line}\n" for line in lines)
