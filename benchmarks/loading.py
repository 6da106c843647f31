"""Loading and calling a SavedModel: the serving worker against ``tf.saved_model.load``, in fresh processes.

    python benchmarks/loading.py

Figures: seconds from the start of a process to a model that is loaded and called, wall and processor time; resident
memory; microseconds of a call with one instance, and with 64 texts, from JSON values to JSON values. Targets: READY
within 0.5 s; three quarters of the memory; a call within 55 us; 64 texts within twice the time. Exits with status 1 if
one is missed. Wall times mean something on an idle machine only; the ratios hold on a busy one, too.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fare_net import cases_in, make_model
from processes import processor_seconds, resident_megabytes
from targets import Targets

ROUNDS = 3
CALLS = 100
TEXTS = [f"text number {number} of a request" for number in range(64)]
SCRIPT = str(Path(__file__).resolve())


def make_texts(folder: Path) -> None:
    import tensorflow as tf

    model = tf.Module()
    specification = [tf.TensorSpec([None], tf.string, "x")]
    model.serve = tf.function(lambda x: {"lower": tf.strings.lower(x)}, input_signature=specification)
    tf.saved_model.save(model, str(folder / "texts"), signatures={"serving_default": model.serve})


def load_as_worker(path: str) -> Callable[[list[Any]], object]:
    from cloud.engine.serving.saved_model import SavedModel

    model = SavedModel(path)
    model.warm_up()
    return lambda rows: model.run("serving_default", model.prepare("serving_default", rows), len(rows))


def load_plainly(path: str) -> Callable[[list[Any]], object]:
    import tensorflow as tf

    loaded = tf.saved_model.load(path)
    signature = loaded.signatures["serving_default"]
    inputs = signature.structured_input_signature[1]

    def predict(rows: list[Any]) -> object:
        given = [row if isinstance(row, dict) else {"x": row} for row in rows]
        columns = {name: tf.constant([row[name] for row in given], spec.dtype) for name, spec in inputs.items()}
        outputs = {name: tensor.numpy().tolist() for name, tensor in signature(**columns).items()}
        return loaded and [dict(zip(outputs, row, strict=True)) for row in zip(*outputs.values(), strict=True)]

    return predict


def measure(kind: str, folder: Path) -> None:
    """Load, call, say so, and wait for a line of standard input; then print the microseconds of the calls."""
    load = {"worker": load_as_worker, "plain": load_plainly}[kind]
    row = [cases_in(folder)[0][0]]
    predict = load(str(folder / "model"))
    predict(row)
    print("ready", flush=True)
    sys.stdin.readline()
    texts = load(str(folder / "texts"))
    print(json.dumps([microseconds(predict, row), microseconds(texts, TEXTS)]), flush=True)


def microseconds(predict: Callable[[list[Any]], object], rows: list[Any]) -> float:
    """Processor time of a call: the least of several rounds."""
    rounds = []
    for _ in range(5):
        began = time.process_time()
        for _ in range(CALLS):
            predict(rows)
        rounds.append((time.process_time() - began) / CALLS * 1e6)
    return min(rounds)


def run(command: list[str]) -> dict[str, float]:
    environ = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    began = time.perf_counter()
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, env=environ, text=True, **pipes) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        assert "ready" in process.stdout.readline()
        figures = {"wall": time.perf_counter() - began, "processor": processor_seconds([process.pid])}
        figures["memory"] = resident_megabytes(process.pid)
        if "measure" in command:
            process.stdin.write("\n")
            process.stdin.flush()
            figures["call"], figures["texts"] = json.loads(process.stdout.readline())
        process.terminate()
    return figures


def compare(folder: Path) -> int:
    make_model(folder)
    subprocess.run([sys.executable, SCRIPT, "texts", str(folder)], check=True, stderr=subprocess.DEVNULL)
    socket = folder / "socket"
    commands = {
        "server": ["-m", "cloud.engine.serving.worker", "--model-dir", str(folder / "model"), "--socket", str(socket)],
        "worker": [SCRIPT, "measure", "worker", str(folder)],
        "plain": [SCRIPT, "measure", "plain", str(folder)],
    }
    found: dict[str, dict[str, list[float]]] = {name: {} for name in commands}
    for _ in range(ROUNDS):
        for name, command in commands.items():
            socket.unlink(missing_ok=True)
            for figure, value in run([sys.executable, *command]).items():
                found[name].setdefault(figure, []).append(value)
    best = {name: {figure: min(values) for figure, values in figures.items()} for name, figures in found.items()}
    middle = statistics.median(found["server"]["memory"]) / statistics.median(found["plain"]["memory"])
    server, worker, plain = best["server"], best["worker"], best["plain"]
    targets = Targets()
    targets.report("worker, start to READY, s", server["wall"], at_most=0.5)
    targets.report("worker, start to READY, processor s", server["processor"])
    targets.report("tf.saved_model.load, start to a called model, processor s", plain["processor"])
    targets.report("ratio of the two", server["processor"] / plain["processor"], at_most=0.4)
    targets.report("worker, resident MB", server["memory"])
    targets.report("ratio to tf.saved_model.load", middle, at_most=0.75)
    targets.report("one row, us", worker["call"], at_most=55)
    targets.report("ratio to the signature of tf.saved_model.load", worker["call"] / plain["call"], at_most=0.5)
    targets.report("64 texts, us", worker["texts"])
    targets.report("ratio to the signature of tf.saved_model.load", worker["texts"] / plain["texts"], at_most=2)
    return targets.status


def main(argv: list[str]) -> int:
    match argv:
        case []:
            with tempfile.TemporaryDirectory() as folder:
                return compare(Path(folder))
        case ["texts", folder]:
            make_texts(Path(folder))
        case ["measure", kind, folder]:
            measure(kind, Path(folder))
        case _:
            print(__doc__)
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
