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
import subprocess
import sys
import tempfile
import time

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


def seconds(command: list[str], environ: dict[str, str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, env=environ)
    return time.perf_counter() - began


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        environ = os.environ | {"XDG_RUNTIME_DIR": folder}
        environ.pop("PYTHONDONTWRITEBYTECODE", None)  # as installed: compiled once
        for command in COMMANDS.values():
            seconds(command, environ)  # what is read from disk for the first time
        measured = [{name: seconds(command, environ) for name, command in COMMANDS.items()} for _ in range(ROUNDS)]
    missed = 0
    median = {name: statistics.median(each[name] for each in measured) for name in COMMANDS}
    for name, target in {name: TARGETS.get(name) for name in COMMANDS}.items():
        ratio = (median[name] - (median[BARE] if name == "cloud" else 0)) / median["import"]
        verdict = "" if target is None else f"  target {target} {'met' if ratio <= target else 'MISSED'}"
        missed += verdict.endswith("MISSED")
        values = [each[name] for each in measured]
        print(f"{name:22} {median[name]:7.3f} s  [{min(values):.3f}, {max(values):.3f}]  {ratio:6.3f}{verdict}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
