"""Training on two replicas, relative to a bare program of TensorFlow's strategy and to one replica, in the same run.

    python benchmarks/distributed.py [--data-dir DIR] [--rounds 3] [--seeds 5]

Prints, as medians over interleaved rounds, the rows per second of
  trainer x 2   two processes of ``trainer.task``, by the lines that the chief logs, without the first, which compiles
  bare x 2      two processes of ``bare_strategy.py``: the same model, batch and data
  trainer x 1   one process
and the rmse that two and one reach, as medians over seeds. Exits with status 1 if a target is missed.
"""

import argparse
import json
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from targets import Targets

ROOT = Path(__file__).resolve().parents[1]
BARE = Path(__file__).with_name("bare_strategy.py")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", type=Path, help="holds taxi-train.csv and taxi-valid.csv; default: sample data")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=3000)
    arguments = parser.parse_args()
    targets = Targets()
    with tempfile.TemporaryDirectory() as scratch:
        data = arguments.data_dir
        if data is None:
            data = Path(scratch)
            command = [sys.executable, "-m", "trainer.sample_data", "--rows", "100000", str(data)]
            subprocess.run(command, check=True, cwd=ROOT, capture_output=True)
        rates: dict[str, list[float]] = {"trainer x 2": [], "bare x 2": [], "trainer x 1": []}
        scores: dict[int, list[float]] = {1: [], 2: []}
        for number in range(max(arguments.rounds, arguments.seeds)):
            seed = number + 1
            if number < arguments.rounds:
                command = [str(BARE), f"{data}/taxi-train.csv", str(arguments.steps), "25"]
                rates["bare x 2"].append(float(run(command, 2).split()[-2]))
            for count in (2, 1):
                output = run(trainer(data, arguments.steps, seed), count)
                lines = re.findall(r"^step .* \((\d+) rows/s\)", output, re.MULTILINE)
                if number < arguments.rounds:
                    rates[f"trainer x {count}"].append(statistics.median(map(float, lines[1:])))
                scores[count].append(float(re.findall(r"^evaluation .* rmse=([\d.]+)", output, re.MULTILINE)[-1]))
            if number < arguments.rounds:
                print(", ".join(f"{name} {rate[-1]:,.0f}" for name, rate in rates.items()) + " rows/s", flush=True)
            print(f"seed {seed}: rmse {scores[2][-1]} on two, {scores[1][-1]} on one", flush=True)
    median = {name: statistics.median(rate) for name, rate in rates.items()}
    print("median: " + ", ".join(f"{name} {rate:,.0f}" for name, rate in median.items()) + " rows/s")
    targets.report("two replicas, trainer / bare program", median["trainer x 2"] / median["bare x 2"], at_least=0.9)
    targets.report("trainer, two replicas / one", median["trainer x 2"] / median["trainer x 1"])
    ratio = statistics.median(scores[2]) / statistics.median(scores[1])
    targets.report("rmse of two replicas / of one, difference", abs(ratio - 1), at_most=0.02)
    return targets.status


def trainer(data: Path, steps: int, seed: int) -> list[str]:
    return [
        *("-m", "trainer.task", f"--train_steps={steps}", f"--seed={seed}"),
        *(f"--train_data_paths={data}/taxi-train.csv", f"--eval_data_paths={data}/taxi-valid.csv"),
    ]


def run(command: list[str], count: int) -> str:
    """The output of the chief of so many replicas that train."""
    with ExitStack() as held:
        ports = [held.enter_context(socket.create_server(("127.0.0.1", 0))).getsockname()[1] for _ in range(count)]
    hosts = [f"127.0.0.1:{port}" for port in ports]
    cluster = {"chief": hosts[:1], "worker": hosts[1:]} if count > 1 else {}
    with tempfile.TemporaryDirectory() as output:
        if command[0] == "-m":
            command = [*command, f"--output_dir={output}/out"]
        replicas = [
            subprocess.Popen(
                [sys.executable, *command],
                cwd=ROOT,
                env={**os.environ, "TF_CONFIG": json.dumps({"cluster": cluster, "task": task})},
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )
            for task in [{"type": "chief", "index": 0}, *({"type": "worker", "index": n} for n in range(count - 1))]
        ]
        outputs = [replica.communicate()[0] for replica in replicas]
    assert not any(replica.returncode for replica in replicas), outputs
    return outputs[0]


if __name__ == "__main__":
    sys.exit(main())
