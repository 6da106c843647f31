"""The time to run a command inside a local cloud, and to import ``cloud``, relative to importing TensorFlow.

    python benchmarks/serve.py

Medians of ROUNDS, interleaved so that the machine's load affects all alike:

- *import*: ``python -c "import tensorflow"`` in a new interpreter, the unit;
- *serve*: ``python -m cloud.serve -- true``, from start to exit;
- *first*: the same for a user who never ran it: what jobs see of the installed environment is made, which later starts
  find;
- *cloud*: importing the modules of ``cloud`` that programs use (the abstraction, the local cloud, its settings and
  resources), without the time of a bare interpreter.

Targets: serve at most 0.15, cloud at most 0.04; first at most 50 ms more than serve. Exits with status 1 if one is
missed.
"""

import os
import statistics
import sys
import tempfile
from collections.abc import Mapping
from math import inf
from pathlib import Path

from processes import seconds
from targets import Targets

ROUNDS = 7
TARGETS = {"serve, warm launcher": 0.15, "serve, cold launcher": 0.15, "cloud": 0.04}
BARE = "bare interpreter"
COLD = [sys.executable, "-m", "cloud.serve", "--launcher", "cold", "--", "true"]
FIRST_ADDS = 0.05
"""Seconds."""
COMMANDS = {
    "import": [sys.executable, "-c", "import tensorflow"],
    "serve, warm launcher": [sys.executable, "-m", "cloud.serve", "--launcher", "warm", "--", "true"],
    "serve, cold launcher": COLD,
    "serve, cold, first": COLD,
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
            seconds(*command, environ=environ)  # fills the disk cache
        measured = [
            {
                name: seconds(*command, environ=_environ(name, environ, Path(folder) / str(turn)))
                for name, command in COMMANDS.items()
            }
            for turn in range(ROUNDS)
        ]
    targets = Targets()
    median = {name: statistics.median(each[name] for each in measured) for name in COMMANDS}
    for name in COMMANDS:
        ratio = (median[name] - (median[BARE] if name == "cloud" else 0)) / median["import"]
        values = [each[name] for each in measured]
        text = f"{name:22} {median[name]:7.3f} s  [{min(values):.3f}, {max(values):.3f}], in imports of TensorFlow"
        targets.report(text, ratio, at_most=TARGETS.get(name, inf))
    added = median["serve, cold, first"] - median["serve, cold launcher"]
    targets.report("the first start adds, s", added, at_most=FIRST_ADDS)
    return targets.status


def _environ(name: str, environ: Mapping[str, str], store: Path) -> Mapping[str, str]:
    return {**environ, "CLOUD_RUNTIMES": str(store)} if name.endswith("first") else environ


if __name__ == "__main__":
    sys.exit(main())
