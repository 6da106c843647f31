"""The trainer's model under TensorFlow's MultiWorkerMirroredStrategy, as its guide has it, without the trainer's loop.

    TF_CONFIG=... python benchmarks/bare_strategy.py DATA STEPS STEPS_PER_CALL

Variables are made in the strategy's scope, and the optimizer adds up gradients. Several steps are one call into
TensorFlow, and all rows are in memory before the clock starts, so that only training is measured. The last line is the
chief's rows per second of the steps after the first call, which compiles.
"""

import json
import os
import sys
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import keras
import tensorflow as tf

from trainer.data import CsvData, batched, shuffled
from trainer.files import TensorFlowFiles
from trainer.model import FareModel
from trainer.training import WEIGHT_DECAY, huber, reversed_by_half

BATCH = 512


def main(path: str, steps: int, steps_per_call: int) -> None:
    strategy = tf.distribute.MultiWorkerMirroredStrategy()
    config = json.loads(os.environ["TF_CONFIG"])
    task, count = config["task"], strategy.num_replicas_in_sync
    position = task["index"] + (task["type"] == "worker")
    data = CsvData(path, TensorFlowFiles(), lambda _: None, share=position, shares=count)
    stream = batched(shuffled(data, [1, position]), steps_per_call, BATCH // count)
    calls = [tf.constant(next(stream)) for _ in range(min(steps // steps_per_call, 100))]

    with strategy.scope():
        model = FareModel("engineered", [128, 32, 4], seed=1)
        schedule = keras.optimizers.schedules.CosineDecay(0.003, steps)
        optimizer = keras.optimizers.AdamW(schedule, weight_decay=WEIGHT_DECAY)
        optimizer.build(model.trainable_variables)

    def step(rows: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            error = model.members(model.scaled_features(reversed_by_half(rows[:, 1:]))) - rows[:, 0]
            loss = tf.reduce_sum(tf.reduce_mean(huber(error), axis=1)) / count
        variables = model.trainable_variables
        optimizer.apply(tape.gradient(loss, variables), variables)
        return loss

    @tf.function
    def train(batches: tf.Tensor) -> tf.Tensor:
        total = tf.constant(0.0)
        for index in tf.range(steps_per_call):
            loss = strategy.run(step, (batches[index],))
            total += strategy.reduce(tf.distribute.ReduceOp.SUM, loss, axis=None)
        return total

    float(train(calls[0]))
    began = time.perf_counter()
    for number in range(1, steps // steps_per_call):
        float(train(calls[number % len(calls)]))
    done = (steps // steps_per_call - 1) * steps_per_call * BATCH
    print(f"{done / (time.perf_counter() - began):.0f} rows/s", flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
