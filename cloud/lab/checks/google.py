"""The dry run of the whole way on Google's own cloud."""

import re
from pathlib import Path

from cloud.lab.checks.outcome import Lab, Outcome, done, not_yet

_COMMAND = "python -m cloud.run --backend gcp --project PROJECT --bucket BUCKET --dry-run > requests.txt"
_REQUEST = re.compile(r"^\s*curl -X (?:GET|POST|PUT|PATCH|DELETE) '?https://[\w.-]+\.googleapis\.com/", re.MULTILINE)
_KINDS = {".txt", ".log", ".sh"}
_LONGEST = 4 << 20
_FEWEST = 5
"""A whole run has dozens of requests; one that was refused has none."""


def google(lab: Lab) -> Outcome:
    found = {path.name: requests(path) for path in sorted(lab.folder.iterdir()) if path.suffix in _KINDS}
    best = max(found, key=lambda name: found[name], default="")
    if not best or found[best] == 0:
        return not_yet(
            f"there is no dry run in your folder. Write it to a file: {_COMMAND}",
            f"en tu carpeta no hay ningún ensayo (dry run). Guárdalo en un archivo: {_COMMAND}",
        )
    if found[best] < _FEWEST:
        return not_yet(
            f"{best} has {found[best]} request(s): the dry run ended early. Read its last lines, then: {_COMMAND}",
            f"{best} tiene {found[best]} solicitud(es): el ensayo acabó antes de tiempo. Lee sus últimas líneas y "
            f"repite: {_COMMAND}",
        )
    return done(
        f"{best}: {found[best]} requests, and none was sent",
        f"{best}: {found[best]} solicitudes, y no se envió ninguna",
    )


def requests(path: Path) -> int:
    """How many requests a file lists as curl."""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return len(_REQUEST.findall(file.read(_LONGEST)))
    except OSError:  # a folder, or one that may not be read: no dry run either
        return 0
