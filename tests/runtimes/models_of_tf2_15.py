"""SavedModels that only TensorFlow 2.15 makes, with Keras 2 and estimators: ``python models_of_tf2_15.py FOLDER``.

It runs in the runtime tf2.15.
"""

import shutil
import sys
from pathlib import Path

import tensorflow as tf


def keras_from_h5(folder: Path) -> None:
    model = tf.keras.Sequential([tf.keras.layers.Dense(1, input_shape=(1,), name="layer")])
    model.layers[0].kernel.assign([[2.0]])
    model.layers[0].bias.assign([1.0])
    model.compile(tf.keras.optimizers.RMSprop(0.0), "mse")
    model.fit(tf.zeros([1, 1]), tf.ones([1, 1]), verbose=0)
    model.save(folder / "model.h5", save_format="h5")
    tf.keras.models.load_model(folder / "model.h5").save(folder / "keras_from_h5")


def keras_text(folder: Path) -> None:
    words = tf.keras.Input((1,), dtype="string", name="text")
    layer = tf.keras.layers.TextVectorization(vocabulary=["red", "green"], output_sequence_length=3)
    tf.keras.Model(words, layer(words)).save(folder / "keras_text")


def estimators(folder: Path) -> None:
    columns = [tf.feature_column.numeric_column("x")]

    def data() -> tf.data.Dataset:
        return tf.data.Dataset.from_tensor_slices(({"x": [[0.0], [1.0]]}, [[0], [1]])).repeat().batch(2)

    regressor = tf.estimator.DNNRegressor([4], columns, str(folder / "regressor.job"))
    regressor.train(data, steps=2)
    raw = tf.estimator.export.build_raw_serving_input_receiver_fn({"x": tf.zeros([1, 1])})
    shutil.move(regressor.export_saved_model(str(folder / "r"), raw).decode(), folder / "regressor")

    classifier = tf.estimator.LinearClassifier(columns, str(folder / "classifier.job"))
    classifier.train(data, steps=2)
    specification = tf.feature_column.make_parse_example_spec(columns)
    parse = tf.estimator.export.build_parsing_serving_input_receiver_fn(specification)
    shutil.move(classifier.export_saved_model(str(folder / "c"), parse).decode(), folder / "classifier")


if __name__ == "__main__":
    for make in (keras_from_h5, keras_text, estimators):
        make(Path(sys.argv[1]))
