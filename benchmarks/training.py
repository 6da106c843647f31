"""The trainer's input speed and prediction quality, relative to baselines measured in the same run.

    python benchmarks/training.py                   # the input pipeline, on a million synthetic rows: 1 minute
    python benchmarks/training.py --data-dir DIR    # also the quality, on a folder with the lab's files: 1 more

Baselines of the input: the lab's own pipeline (TextLineDataset, one decode_csv per line, batch 512) without training,
which flatters it; and the same training on one batch over and over. Baselines of the model: the mean fare, and least
squares on the raw columns. Prints ratios of medians over interleaved rounds, and exits with status 1 if a target is
missed.
"""

import argparse
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import numpy as np

from targets import Targets

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

BATCH = 512
CALL = 25


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", type=Path, help="holds taxi-train.csv and taxi-valid.csv: measure quality, too")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    targets = Targets()
    input_pipeline(targets, arguments.rows, arguments.rounds)
    if arguments.data_dir:
        quality(targets, arguments.data_dir, arguments.seeds)
    return targets.status


def input_pipeline(targets: Targets, rows: int, rounds: int) -> None:
    """Rows per second of the lab's pipeline, ours with training, and training alone; memory over thirty epochs."""
    import tensorflow as tf

    from trainer import sample_data
    from trainer.data import CsvData, batched, prefetched, shuffled
    from trainer.files import TensorFlowFiles
    from trainer.model import FareModel
    from trainer.rows import COLUMNS
    from trainer.training import Training

    with tempfile.TemporaryDirectory() as folder:
        sample_data.write(Path(folder), rows, seed=1)
        path = f"{folder}/{sample_data.TRAIN}"
        steps = rows // BATCH // CALL * CALL
        training = Training(FareModel("engineered", [128, 32, 4], seed=1), 0.003, steps)

        def stream(window: int = 1 << 18) -> Iterator[np.ndarray]:
            data = shuffled(CsvData(path, TensorFlowFiles(), lambda _: None), [1], window)
            first = next(data)
            training.model.adapt(first)
            return prefetched(batched(chain([first], data), CALL, BATCH))

        def ours() -> float:
            started = time.perf_counter()
            batches = stream()
            for _ in range(steps // CALL):
                training.train(next(batches), CALL)
            return steps * BATCH / (time.perf_counter() - started)

        same = next(stream())
        training.train(same, CALL)  # compile

        def constant() -> float:
            started = time.perf_counter()
            for _ in range(steps // CALL):
                training.train(same, CALL)
            return steps * BATCH / (time.perf_counter() - started)

        def lab(count: int = 60_000) -> float:
            def decode(line: tf.Tensor) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
                columns = tf.io.decode_csv(line, [[0.0], [-74.0], [40.0], [-74.0], [40.7], [1.0], ["nokey"]])
                features = dict(zip(COLUMNS, columns, strict=True))
                return features, features.pop("fare_amount")

            dataset = tf.data.TextLineDataset(path).map(decode).shuffle(10 * BATCH).batch(BATCH).take(count // BATCH)
            started = time.perf_counter()
            for _ in dataset:
                pass
            return count // BATCH * BATCH / (time.perf_counter() - started)

        rates: dict[str, list[float]] = {"lab": [], "ours": [], "constant": []}
        for number in range(rounds):
            for name, measure in (("lab", lab), ("ours", ours), ("constant", constant)):
                rates[name].append(measure())
            latest = ", ".join(f"{name} {rate[-1]:,.0f}" for name, rate in rates.items())
            print(f"round {number + 1}: {latest} rows/s", flush=True)
        median = {name: statistics.median(rate) for name, rate in rates.items()}
        print("median: " + ", ".join(f"{name} {rate:,.0f}" for name, rate in median.items()) + " rows/s")

        before, once, often = (_peak_mb(path, epochs) for epochs in (0, 3, 30))
    print(f"peak memory of reading and shuffling: {before} MB at rest, {once} after 3 epochs, {often} after 30")
    targets.report("full epoch, ours / the lab's pipeline", median["ours"] / median["lab"], at_least=20)
    targets.report("full epoch, ours / constant batch", median["ours"] / median["constant"], at_least=0.6)
    targets.report("peak memory of 30 epochs / of 3", often / once, at_most=1.1)


_READER = """
import re, sys
from trainer.data import CsvData, LocalFiles, shuffled
path, epochs = sys.argv[1], int(sys.argv[2])
data = CsvData(path, LocalFiles(), print)
parts, seen = shuffled(data, [1]), 0
while epochs and (data.rows == 0 or seen < epochs * data.rows):
    seen += len(next(parts))
print(int(re.search(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read())[1]) >> 10)
"""


def _peak_mb(path: str, epochs: int) -> int:
    """Peak memory in MB of a new process, without TensorFlow, that shuffles a file for so many epochs (Linux).

    Not ru_maxrss, which starts at the peak of the parent process.
    """
    command = [sys.executable, "-c", _READER, path, str(epochs)]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    return int(done.stdout)


def quality(targets: Targets, data_dir: Path, seeds: int) -> None:
    """Rmse on taxi-valid and wall time of the trainer's command in new interpreters."""
    train, valid = (
        np.loadtxt(data_dir / f"taxi-{name}.csv", delimiter=",", usecols=range(6)) for name in ("train", "valid")
    )
    mean = np.sqrt(np.mean((valid[:, 0] - train[:, 0].mean()) ** 2))
    design = np.column_stack([train[:, 1:], np.ones(len(train))])
    weights = np.linalg.lstsq(design, train[:, 0], rcond=None)[0]
    linear = np.sqrt(np.mean((valid[:, 0] - np.column_stack([valid[:, 1:], np.ones(len(valid))]) @ weights) ** 2))
    print(f"rmse of the mean fare {mean:.3f}, of least squares on raw columns {linear:.3f}")
    scores: dict[str, list[float]] = {"engineered": [], "raw": []}
    seconds = []
    for features, seed in [("engineered", seed) for seed in range(1, seeds + 1)] + [("raw", 1)]:
        with tempfile.TemporaryDirectory() as output:
            command = [sys.executable, "-m", "trainer.task", "--train_data_paths", f"{data_dir}/taxi-train.csv"]
            command += ["--eval_data_paths", f"{data_dir}/taxi-valid.csv", "--output_dir", output]
            started = time.perf_counter()
            done = subprocess.run(
                [*command, "--features", features, "--seed", str(seed)],
                cwd=ROOT,
                stdout=subprocess.PIPE,
                text=True,
                check=True,
            )
            seconds.append(time.perf_counter() - started)
        score = re.findall(r"^evaluation .* rmse=([\d.]+)", done.stdout, re.MULTILINE)[-1]
        scores[features].append(float(score))
        print(f"{features}, seed {seed}: rmse {score}, {seconds[-1]:.1f} s", flush=True)
    targets.report("rmse, engineered, worst seed", max(scores["engineered"]), at_most=4.75)
    targets.report("rmse, raw", scores["raw"][0], at_most=9.03)
    targets.report("wall seconds, slowest", max(seconds), at_most=60)


if __name__ == "__main__":
    sys.exit(main())
