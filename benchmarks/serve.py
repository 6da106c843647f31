"""How soon a command runs inside a local cloud and is over, measured against importing TensorFlow.

    python benchmarks/serve.py

Medians of ROUNDS, interleaved so that a busy machine is busy for all:

- *import*: ``python -c "import tensorflow"`` in a fresh interpreter, the unit;
- *serve*: ``python -m cloud.serve -- true``, from nothing to nothing left.

Target: at most 0.2. Exits with status 1 if it is missed.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time

ROUNDS = 7
TARGET = 0.2
COMMANDS = {
    "import": [sys.executable, "-c", "import tensorflow"],
    "serve, warm launcher": [sys.executable, "-m", "cloud.serve", "--launcher", "warm", "--", "true"],
    "serve, cold launcher": [sys.executable, "-m", "cloud.serve", "--launcher", "cold", "--", "true"],
    "bare interpreter": [sys.executable, "-c", "pass"],
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
    unit = statistics.median(each["import"] for each in measured)
    for name in COMMANDS:
        values = [each[name] for each in measured]
        ratio = statistics.median(values) / unit
        is_late = name.startswith("serve") and ratio > TARGET
        missed += is_late
        verdict = f"  target {TARGET} {'MISSED' if is_late else 'met'}" if name.startswith("serve") else ""
        spread = f"[{min(values):.3f}, {max(values):.3f}]"
        print(f"{name:22} {statistics.median(values):7.3f} s  {spread}  {ratio:6.3f}{verdict}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
