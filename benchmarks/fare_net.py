"""The model of the prediction benchmarks, five floats through a small dense net, and its expected predictions.

    python benchmarks/fare_net.py FOLDER

makes the SavedModel FOLDER/model, and FOLDER/cases.json: instances with their predictions.
"""

import asyncio
import itertools
import json
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

INPUTS = ("pickuplon", "pickuplat", "dropofflon", "dropofflat", "passengers")
CASES = "cases.json"

Case = tuple[dict[str, float], float]
"""An instance and its prediction."""


def make_model(folder: Path) -> None:
    """Make the model in another process, so that this one does not load TensorFlow."""
    subprocess.run([sys.executable, __file__, str(folder)], check=True, stderr=subprocess.DEVNULL)


def cases_in(folder: Path) -> list[Case]:
    return [(instance, prediction) for instance, prediction in json.loads((folder / CASES).read_text())]


def check(value: float, case: Case) -> None:
    """Assert that ``value`` is the prediction of ``case``."""
    assert abs(value - case[1]) <= 1e-4 + 1e-4 * abs(value), (case, value)


async def count_predictions(
    predict: Callable[[str, Sequence[Any]], Awaitable[list[Any]]], cases: list[Case], callers: int, seconds: float
) -> tuple[int, float]:
    """Request predictions of the model "taxi" in ``callers`` tasks for ``seconds``; returns count and time."""

    async def predict_repeatedly(first: int) -> int:
        count = 0
        while time.perf_counter() < until:
            case = cases[(first + 64 * count) % len(cases)]
            (prediction,) = await predict("taxi", [case[0]])
            check(prediction["predictions"][0], case)
            count += 1
        return count

    began = time.perf_counter()
    until = began + seconds
    counts = await asyncio.gather(*map(predict_repeatedly, range(callers)))
    return sum(counts), time.perf_counter() - began


def _make(folder: Path) -> None:
    import numpy as np
    import tensorflow as tf

    class Net(tf.Module):
        def __init__(self) -> None:
            super().__init__()
            sizes = (5, 128, 32, 4, 1)
            shapes = list(itertools.pairwise(sizes))
            self.layers = [tf.Variable(tf.random.stateless_normal(shape, [1, 2]) / shape[0] ** 0.5) for shape in shapes]

        @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name) for name in INPUTS])
        def serve(self, *columns: tf.Tensor) -> dict[str, tf.Tensor]:
            flow = tf.stack(columns, axis=1)
            for layer in self.layers[:-1]:
                flow = tf.nn.leaky_relu(flow @ layer)
            return {"predictions": flow @ self.layers[-1]}

    net = Net()
    tf.saved_model.save(net, str(folder / "model"), signatures={"serving_default": net.serve})
    rows = np.random.default_rng(1).normal(size=(2000, len(INPUTS)))
    expected = net.serve(*(tf.constant(column, tf.float32) for column in rows.T))["predictions"].numpy()[:, 0]
    cases = [
        [dict(zip(INPUTS, row, strict=True)), value]
        for row, value in zip(rows.tolist(), expected.tolist(), strict=True)
    ]
    (folder / CASES).write_text(json.dumps(cases))


if __name__ == "__main__":
    _make(Path(sys.argv[1]))
