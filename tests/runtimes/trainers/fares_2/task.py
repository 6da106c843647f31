"""A trainer as it was written for TensorFlow 2.1 to 2.15: Keras 2 over feature columns, saved as a SavedModel."""

import argparse

import keras
import tensorflow as tf
from tensorflow.keras.optimizers import Adam

COLUMNS = ["fare", "distance", "borough"]


def read(pattern):
    dataset = tf.data.experimental.make_csv_dataset(pattern, 32, COLUMNS, [0.0, 0.0, "none"], "fare", num_epochs=20)
    return dataset.prefetch(1)


def build():
    inputs = {
        "distance": tf.keras.layers.Input((), name="distance"),
        "borough": tf.keras.layers.Input((), name="borough", dtype=tf.string),
    }
    vocabulary = tf.feature_column.categorical_column_with_vocabulary_list("borough", ["queens", "bronx"])
    columns = [tf.feature_column.numeric_column("distance"), tf.feature_column.indicator_column(vocabulary)]
    features = tf.keras.layers.DenseFeatures(columns)(inputs)
    hidden = tf.keras.layers.Dense(8, activation="relu")(features)
    model = tf.keras.Model(inputs, tf.keras.layers.Dense(1, name="fare")(hidden))
    model.compile(Adam(0.05), "mse")
    return model


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", required=True)
    parser.add_argument("--job-dir", required=True)
    arguments = parser.parse_args()
    assert keras.__version__.startswith("2.15"), keras.__version__
    model = build()
    model.fit(read(arguments.data + "/*.csv"), verbose=2)
    model.save(arguments.job_dir + "/export/1")
