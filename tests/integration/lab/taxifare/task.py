"""Taxi fares by a few steps of gradient descent: a trainer as others write them, which knows only of TensorFlow."""

import argparse
import os

import hypertune
import tensorflow as tf

CENTRE, SCALE = [-74.0, 40.75, -74.0, 40.75, 2.0], [0.05, 0.05, 0.05, 0.05, 2.0]


def rows(pattern):
    """Features and fares, in batches, of CSV files without a header: the fare, five features, a key."""
    columns = [[0.0]] * 6 + [[""]]
    lines = tf.data.TextLineDataset(tf.io.gfile.glob(pattern)).batch(64)
    for fare, *features, _ in lines.map(lambda batch: tf.io.decode_csv(batch, columns)):
        yield features, fare


class Fares(tf.Module):
    def __init__(self):
        self.weights = tf.Variable(tf.zeros([5, 1]))
        self.bias = tf.Variable([10.0])

    @tf.function(
        input_signature=[
            tf.TensorSpec([None], tf.float32, name)
            for name in ("pickuplon", "pickuplat", "dropofflon", "dropofflat", "passengers")
        ]
    )
    def serve(self, pickuplon, pickuplat, dropofflon, dropofflat, passengers):
        features = tf.stack([pickuplon, pickuplat, dropofflon, dropofflat, passengers], axis=1)
        return {"predictions": (features - CENTRE) / SCALE @ self.weights + self.bias}

    def loss(self, features, fare):
        return tf.reduce_mean((self.serve(*features)["predictions"][:, 0] - fare) ** 2)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--train_data_paths", required=True)
    parser.add_argument("--eval_data_paths", required=True)
    parser.add_argument("--output_dir", required=True)
    parser.add_argument("--train_steps", type=int, default=20)
    parser.add_argument("--job-dir", default="junk")
    given = parser.parse_args()

    model, batches = Fares(), list(rows(given.train_data_paths))
    with tf.summary.create_file_writer(given.output_dir).as_default():
        for step in range(given.train_steps):
            with tf.GradientTape() as tape:
                loss = model.loss(*batches[step % len(batches)])
            for variable, gradient in zip(model.variables, tape.gradient(loss, model.variables), strict=True):
                variable.assign_sub(0.05 * gradient)
            tf.summary.scalar("loss", loss, step)

    rmse = float(tf.sqrt(tf.reduce_mean([model.loss(*batch) for batch in rows(given.eval_data_paths)])))
    print(f"rmse={rmse:.4f}")
    tuning = hypertune.HyperTune()
    tuning.report_hyperparameter_tuning_metric("rmse", rmse, global_step=given.train_steps)
    print("reported", os.environ["CLOUD_ML_HP_METRIC_FILE"])
    with open(tuning.metric_path) as reported:
        print(reported.read(), end="")
    tf.saved_model.save(model, f"{given.output_dir}/export/exporter/1", signatures=model.serve)


if __name__ == "__main__":
    main()
