"""The fare model, from the five columns of a trip to dollars. Features and their scaling are part of its graph."""

from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf

from trainer.data import Rows
from trainer.features import engineered_features, raw_features

MEMBERS = 2  # networks in the ensemble: averaging cancels errors that differ between them
MAX_SCALED = 10.0  # standard deviations; scaled features are clipped to it


class FareModel(keras.Model):  # type: ignore[misc]
    """An ensemble of small networks, each with a linear path in parallel to its layers; their mean is the fare.

    `features` is 'raw' or 'engineered', `hidden_units` the width of each network's hidden layers. The same `seed` gives
    the same initial weights. Models of the same `kind` can exchange weights.
    """

    def __init__(self, features: str, hidden_units: Sequence[int], seed: int) -> None:
        super().__init__()
        self.kind = f"{features} features, {'-'.join(map(str, hidden_units))} units"
        self.features = {"raw": raw_features, "engineered": engineered_features}[features]
        self.standardise = Standardise()
        self.hidden = [EnsembleDense(units, seed + depth, "relu") for depth, units in enumerate(hidden_units)]
        self.top = EnsembleDense(1, seed + len(self.hidden))
        self.linear = EnsembleDense(1, None, use_bias=False)
        self(tf.zeros([1, 5]))  # creates the weights

    def adapt(self, rows: Rows) -> None:
        """Set the features' scales and the initial prediction from a sample of training rows, [n, 6]."""
        self.standardise.adapt(self.features(tf.constant(rows[:, 1:])).numpy())
        self.top.bias.assign(np.full(self.top.bias.shape, np.median(rows[:, 0])))

    def scaled_features(self, trips: tf.Tensor) -> tf.Tensor:
        """Return what the networks read, float32 [n, features], for trips, float32 [n, 5]. Nothing in it is trained."""
        return self.standardise(self.features(trips))

    def members(self, scaled: tf.Tensor) -> tf.Tensor:
        """Return each network's prediction in dollars, float32 [MEMBERS, n], for scaled features."""
        net = inputs = tf.tile(scaled[tf.newaxis], [MEMBERS, 1, 1])
        for layer in self.hidden:
            net = layer(net)
        return (self.top(net) + self.linear(inputs))[:, :, 0]

    def call(self, trips: tf.Tensor) -> tf.Tensor:
        """Return dollars, float32 [n], for trips, float32 [n, 5]."""
        return tf.reduce_mean(self.members(self.scaled_features(trips)), axis=0)


class Standardise(keras.layers.Layer):  # type: ignore[misc]
    """Scales features by their median and spread in the training data, which are weights that are not trained."""

    def build(self, shape: tuple[int | None, int]) -> None:
        self.middle = self.add_weight(shape=(shape[-1],), initializer="zeros", trainable=False, name="middle")
        self.scale = self.add_weight(shape=(shape[-1],), initializer="ones", trainable=False, name="scale")

    def adapt(self, values: Rows) -> None:
        """Set the scales from a sample, float32 [n, features], by percentiles, which outliers hardly affect."""
        low, middle, high = np.percentile(values, [5, 50, 95], axis=0)
        spread = (high - low) / 3.29  # the standard deviation of a normal distribution with these percentiles
        rare = spread < 1e-6  # nearly constant: use mean and standard deviation
        middle = np.where(rare, values.mean(axis=0), middle)
        spread = np.where(rare, values.std(axis=0), spread)
        self.middle.assign(middle)
        self.scale.assign(np.where(spread < 1e-6, 0.0, 1.0 / np.maximum(spread, 1e-6)))  # 0 for a constant feature

    def call(self, values: tf.Tensor) -> tf.Tensor:
        return tf.clip_by_value((values - self.middle) * self.scale, -MAX_SCALED, MAX_SCALED)


class EnsembleDense(keras.layers.Layer):  # type: ignore[misc]
    """The dense layers of MEMBERS networks as one: float32 [MEMBERS, n, in] to [MEMBERS, n, units].

    Runs and compiles faster than separate layers. Without a `seed` its weights start at 0.
    """

    def __init__(self, units: int, seed: int | None, activation: str | None = None, *, use_bias: bool = True) -> None:
        super().__init__()
        self.units = units
        self.activation = keras.activations.get(activation)
        self._seed = seed
        self._use_bias = use_bias

    def build(self, shape: tuple[int, int | None, int]) -> None:
        first = np.zeros((MEMBERS, shape[-1], self.units), np.float32)
        if self._seed is not None:
            limit = (6.0 / (shape[-1] + self.units)) ** 0.5  # Glorot's
            random = np.random.default_rng([self._seed, self.units])
            first = random.uniform(-limit, limit, first.shape).astype(np.float32)
        # Kernels have their longer side last: the product that gives their gradient then takes half the time.
        self._is_transposed = self.units < shape[-1]
        if self._is_transposed:
            first = first.swapaxes(1, 2)
        self.kernel = self.add_weight(shape=first.shape, initializer=lambda *_, **__: first, name="kernel")
        if self._use_bias:
            self.bias = self.add_weight(shape=(MEMBERS, 1, self.units), initializer="zeros", name="bias")

    def call(self, net: tf.Tensor) -> tf.Tensor:
        net = tf.matmul(net, self.kernel, transpose_b=self._is_transposed)
        return self.activation(net + self.bias if self._use_bias else net)
