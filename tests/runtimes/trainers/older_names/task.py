"""What TensorFlow 2.15, scikit-learn and Python have lost; the log has what it gives."""

import os
import tempfile

import numpy as np
import tensorflow as tf
from sklearn.externals import joblib
from tensorflow.keras.optimizers import Adam

model = tf.keras.Sequential([tf.keras.layers.Dense(1, input_shape=(2,))])
model.compile(Adam(lr=0.5), "mse")
model.fit([[1.0, 2.0]], [1.0], verbose=0)
with tempfile.TemporaryDirectory() as folder:
    tf.keras.experimental.export_saved_model(model, folder)
    loaded = tf.keras.experimental.load_from_saved_model(folder)
with tempfile.TemporaryDirectory() as folder:
    with tf.io.gfile.GFile(os.path.join(folder, "model.joblib"), "w") as file:
        joblib.dump({"weights": np.ones(3)}, file)
    with tf.io.gfile.GFile(os.path.join(folder, "model.joblib"), "rb") as file:
        assert joblib.load(file)["weights"].tolist() == [1.0, 1.0, 1.0]
rate = float(tf.keras.optimizers.SGD(lr=0.25).learning_rate)
print("names:", [joblib.__name__, len(loaded.layers), round(float(model.optimizer.learning_rate), 3), round(rate, 3)])
