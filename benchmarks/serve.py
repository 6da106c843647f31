"""How soon a command runs inside a local cloud and is over, and what importing ``cloud`` takes, measured against
importing TensorFlow.

    python benchmarks/serve.py

Medians of ROUNDS, interleaved so that a busy machine is busy for all:

- *import*: ``python -c "import tensorflow"`` in a fresh interpreter, the unit;
- *serve*: ``python -m cloud.serve -- true``, from nothing to nothing left;
- *cloud*: importing what a program names of ``cloud`` (the abstraction, the local cloud, its settings and resources),
  without the bare interpreter's own time.

Targets: serve at most 0.2, cloud at most 0.04. Exits with status 1 if one is missed.
"""

import os
import statistics
import sys
import tempfile
from math import inf

from processes import seconds
from targets import Targets

ROUNDS = 7
TARGETS = {"serve, warm launcher": 0.2, "serve, cold launcher": 0.2, "cloud": 0.04}
BARE = "bare interpreter"
COMMANDS = {
    "import": [sys.executable, "-c", "import tensorflow"],
    "serve, warm launcher": [sys.executable, "-m", "cloud.serve", "--launcher", "warm", "--", "true"],
    "serve, cold launcher": [sys.executable, "-m", "cloud.serve", "--launcher", "cold", "--", "true"],
    "cloud": [
        sys.executable,
        "-c",
        "import cloud.backends.base, cloud.names, cloud.resources, cloud.serve, cloud.settings",
    ],
    BARE: [sys.executable, "-c", "pass"],
}


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        environ = os.environ | {"XDG_RUNTIME_DIR": folder}
        environ.pop("PYTHONDONTWRITEBYTECODE", None)  # as installed: compiled once
        for command in COMMANDS.values():
            seconds(*command, environ=environ)  # what is read from disk for the first time
        measured = [
            {name: seconds(*command, environ=environ) for name, command in COMMANDS.items()} for _ in range(ROUNDS)
        ]
    targets = Targets()
    median = {name: statistics.median(each[name] for each in measured) for name in COMMANDS}
    for name in COMMANDS:
        ratio = (median[name] - (median[BARE] if name == "cloud" else 0)) / median["import"]
        values = [each[name] for each in measured]
        text = f"{name:22} {median[name]:7.3f} s  [{min(values):.3f}, {max(values):.3f}], in imports of TensorFlow"
        targets.tell(text, ratio, at_most=TARGETS.get(name, inf))
    return targets.status


if __name__ == "__main__":
    sys.exit(main())
