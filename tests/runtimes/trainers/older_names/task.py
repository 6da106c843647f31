"""Names that TensorFlow 2.15 and scikit-learn have lost; the log has what they give."""

import tempfile

import tensorflow as tf
from sklearn.externals import joblib
from tensorflow.keras.optimizers import Adam

model = tf.keras.Sequential([tf.keras.layers.Dense(1, input_shape=(2,))])
model.compile(Adam(lr=0.5), "mse")
model.fit([[1.0, 2.0]], [1.0], verbose=0)
with tempfile.TemporaryDirectory() as folder:
    tf.keras.experimental.export_saved_model(model, folder)
    loaded = tf.keras.experimental.load_from_saved_model(folder)
rate = float(tf.keras.optimizers.SGD(lr=0.25).learning_rate)
print("names:", [joblib.__name__, len(loaded.layers), round(float(model.optimizer.learning_rate), 3), round(rate, 3)])
