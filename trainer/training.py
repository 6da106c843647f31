"""Training and evaluation of a FareModel: many steps per call, checkpoints, TensorBoard curves."""

import math
from collections.abc import Iterable

import keras
import tensorflow as tf

from trainer.data import DataError, Rows
from trainer.model import MEMBERS, FareModel
from trainer.progress import Score
from trainer.rows import NUMBERS

WARMUP_STEPS = 100
WEIGHT_DECAY = 0.1
HUBER_DOLLARS = 5.0  # larger errors count linearly: the columns do not explain the fares of a few rides
CHECKPOINTS_KEPT = 3
XLA_STEPS = 1500
"""The steps from which XLA saves time: it compiles for some four seconds, and is then three times as fast."""


class Training:
    """A model in training, with its optimizer and step.

    The learning rate warms up to `learning_rate` and decays to 0 at `train_steps` along a cosine.
    """

    def __init__(self, model: FareModel, learning_rate: float, train_steps: int) -> None:
        self.model = model
        warmup = min(WARMUP_STEPS, train_steps // 10)
        schedule = keras.optimizers.schedules.CosineDecay(
            learning_rate / 10 if warmup else learning_rate,
            decay_steps=max(train_steps - warmup, 1),
            warmup_target=learning_rate if warmup else None,
            warmup_steps=warmup,
        )
        self.optimizer = keras.optimizers.AdamW(schedule, weight_decay=WEIGHT_DECAY)
        self.optimizer.build(model.trainable_variables)
        self.is_compiled = train_steps >= XLA_STEPS
        self._train = tf.function(self._train_steps, jit_compile=self.is_compiled, autograph=False)
        specification = tf.TensorSpec([None, len(NUMBERS)], tf.float32)
        self._score = tf.function(self._squares, input_signature=[specification], autograph=False)

    @property
    def step(self) -> int:
        """The number of steps trained so far."""
        return int(self.optimizer.iterations.numpy())

    def share_state(self) -> None:
        """Give the chief's state to all replicas; here there is one."""

    def train(self, batches: Rows, steps: int) -> Score:
        """Train on the first `steps` of the batches, float32 [at least steps, rows, 6].

        Calls with arrays of one shape share one compiled program, whatever `steps` is.
        """
        loss, square = self._train(tf.constant(batches), tf.constant(steps))
        return Score(float(loss) / steps, math.sqrt(float(square) / steps), steps * batches.shape[1])

    def evaluate(self, blocks: Iterable[Rows], limit: int | None = None) -> Score:
        """Score the model on all rows, or on the first `limit`."""
        loss = square = 0.0
        count = 0
        for rows in blocks:
            rows = rows if limit is None else rows[: limit - count]
            sums = self._score(rows)
            loss += float(sums[0])
            square += float(sums[1])
            count += len(rows)
            if count == limit:
                break
        return Score(loss / count, math.sqrt(square / count), count)

    def _train_steps(self, batches: tf.Tensor, count: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """One program for all steps of a call. `count` is a tensor: else each number of steps would be traced anew.

        The features of all rows are made at once, which takes less time than step by step.
        """
        steps, size, _ = batches.shape
        scaled, fares = self._examples(tf.reshape(batches, [-1, len(NUMBERS)]))
        scaled, fares = tf.reshape(scaled, [steps, size, -1]), tf.reshape(fares, [steps, size])
        variables = self.model.trainable_variables

        def step(index: tf.Tensor, loss_sum: tf.Tensor, square_sum: tf.Tensor) -> tuple[tf.Tensor, ...]:
            gradients, loss, square = self._gradients(scaled[index], fares[index])
            self.optimizer.apply(gradients, variables)
            return index + 1, loss_sum + loss / MEMBERS, square_sum + square

        _, loss_sum, square_sum = tf.while_loop(lambda index, *_: index < count, step, (0, 0.0, 0.0))
        return loss_sum, square_sum

    def _examples(self, rows: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """What the model learns from rows, float32 [n, 6]: scaled features, [n, features], and fares, [n]."""
        return self.model.scaled_features(reversed_by_half(rows[:, 1:])), rows[:, 0]

    def _gradients(self, scaled: tf.Tensor, fares: tf.Tensor) -> tuple[list[tf.Tensor], tf.Tensor, tf.Tensor]:
        """The gradients of a step, the members' losses, added up, and the mean square error of their mean."""
        with tf.GradientTape() as tape:
            error = self.model.members(scaled) - fares
            loss = tf.reduce_sum(tf.reduce_mean(huber(error), axis=1))  # no gradient is shared between members
        gradients = tape.gradient(loss, self.model.trainable_variables)
        return gradients, loss, tf.reduce_mean(tf.square(tf.reduce_mean(error, axis=0)))

    def _squares(self, rows: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        error = self.model(rows[:, 1:]) - rows[:, 0]
        return tf.reduce_sum(huber(error)), tf.reduce_sum(tf.square(error))


def reversed_by_half(trips: tf.Tensor) -> tf.Tensor:
    """Swap pick-up and drop-off in every other trip, float32 [n, 5].

    The way back costs about the same; this augmentation teaches it. Rows are shuffled, so the half changes every epoch.
    """
    back = tf.gather(trips, [2, 3, 0, 1, 4], axis=1)
    return tf.where(tf.range(tf.shape(trips)[0])[:, tf.newaxis] % 2 == 0, trips, back)


def huber(error: tf.Tensor) -> tf.Tensor:
    """The Huber loss: half the square of an error in dollars, linear beyond HUBER_DOLLARS."""
    size = tf.abs(error)
    return tf.where(size < HUBER_DOLLARS, 0.5 * error * error, HUBER_DOLLARS * (size - 0.5 * HUBER_DOLLARS))


class Checkpoints:
    """Saves the state of a training to a folder, so that a later process can continue after a kill.

    A checkpoint is valid once the folder's index file names it, which happens after it was written completely.
    """

    def __init__(self, training: Training, folder: str) -> None:
        self._training = training
        self._folder = folder
        self._kind = training.model.kind
        checkpoint = tf.train.Checkpoint(
            model=training.model, optimizer=training.optimizer, kind=tf.Variable(self._kind, trainable=False)
        )
        self._checkpoint = checkpoint
        self._manager = tf.train.CheckpointManager(checkpoint, folder, CHECKPOINTS_KEPT)
        self._saved_at: int | None = None

    def newest_step(self) -> int:
        """Return the step of the newest checkpoint in the folder, which another process may write; -1 without one."""
        latest = tf.train.latest_checkpoint(self._folder)
        return -1 if latest is None else int(latest.rpartition("-")[2])

    def restore(self) -> bool:
        """Continue from the newest checkpoint; return whether there was one.

        Raises DataError if it belongs to a different model.
        """
        latest = tf.train.latest_checkpoint(self._folder)
        if latest is None:
            return False
        kind = tf.train.load_checkpoint(latest).get_tensor("kind/.ATTRIBUTES/VARIABLE_VALUE").decode()
        if kind != self._kind:
            raise DataError(
                f"{latest} holds another model ({kind}) than asked for ({self._kind}): give a fresh --output_dir"
            )
        self._checkpoint.restore(latest).assert_existing_objects_matched()
        self._saved_at = self._training.step
        return True

    def save(self) -> None:
        """Save, unless this step was saved already."""
        if self._saved_at != self._training.step:
            self._manager.save(checkpoint_number=self._training.step)
            self._saved_at = self._training.step


class Curves:
    """Writes `loss` and `rmse` by step to a folder, for TensorBoard."""

    def __init__(self, folder: str) -> None:
        self._writer = tf.summary.create_file_writer(folder)

    def add(self, score: Score, step: int) -> None:
        """Add one point to each curve."""
        with self._writer.as_default(step):
            _scalar("loss", score.loss)
            _scalar("rmse", score.rmse)

    def flush(self) -> None:
        """Make the added points visible to TensorBoard."""
        self._writer.flush()


def _scalar(name: str, value: float) -> None:
    """Like `tf.summary.scalar`, which requires TensorBoard to be installed in the job."""
    summary = tf.compat.v1.SummaryMetadata
    metadata = summary(plugin_data=summary.PluginData(plugin_name="scalars"), data_class=1)  # DATA_CLASS_SCALAR
    tf.summary.write(name, tf.constant(value, tf.float32), metadata=metadata)
