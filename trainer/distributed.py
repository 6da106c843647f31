"""Training on several replicas: TensorFlow's MultiWorkerMirroredStrategy, with a loop of its own.

Keras 3's `fit` cannot train under that strategy. Each replica has the whole model and computes the gradient of its
share of a step's rows; the strategy adds the gradients up, as one vector; each replica applies the sum. What a replica
does between two sums is one program, in a long training compiled by XLA, which cannot compile what happens between
processes.
"""

import os
import stat
import sys
from typing import Never

import tensorflow as tf

from trainer.cluster import Cluster
from trainer.data import Rows
from trainer.model import MEMBERS, FareModel
from trainer.progress import Score, log
from trainer.training import Training

MOST_RESTARTS = 5
_RESTARTS = "TRAINER_RESTARTS"
_LOST = (
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.FailedPreconditionError,
    tf.errors.InternalError,
    tf.errors.UnavailableError,
    tf.errors.UnknownError,
)
"""What a collective operation raises where a peer has ended."""


class ReplicaLost(Exception):
    """Another replica that trains has ended. The message is one line."""


def connect(cluster: Cluster) -> tf.distribute.Strategy:
    """Return the strategy; the other replicas that train are awaited. Call it before anything else in TensorFlow."""
    chief, *workers = cluster.trainers
    options = tf.distribute.experimental.CommunicationOptions(
        implementation=tf.distribute.experimental.CommunicationImplementation.RING
    )
    resolver = tf.distribute.cluster_resolver.SimpleClusterResolver(
        tf.train.ClusterSpec({"chief": [chief], **({"worker": workers} if workers else {})}),
        task_type=cluster.role,
        task_id=cluster.index,
        rpc_layer="grpc",
    )
    try:
        return tf.distribute.MultiWorkerMirroredStrategy(resolver, options)
    except _LOST as error:
        raise ReplicaLost(_name(error)) from error


class SharedTraining(Training):
    """One replica's part of a training. All replicas make the same calls, with as many steps.

    `batch_size` counts the rows of a step on all replicas together.
    """

    def __init__(
        self,
        model: FareModel,
        learning_rate: float,
        train_steps: int,
        *,
        strategy: tf.distribute.Strategy,
        is_chief: bool,
        batch_size: int,
    ) -> None:
        super().__init__(model, learning_rate, train_steps)
        self._strategy = strategy
        self._is_chief = is_chief
        self._batch_size = batch_size
        options = {"jit_compile": self.is_compiled, "autograph": False}
        self._gradient = tf.function(self._flat_gradient, **options)
        self._apply = tf.function(self._apply_flat, **options)
        self._apply_and_gradient = tf.function(self._next_gradient, **options)
        self._train = tf.function(self._shared_steps)
        self._share = tf.function(self._share_variables, autograph=False)

    def train(self, batches: Rows, steps: int) -> Score:
        """Like `Training.train`, on this replica's share of each step's rows; the score is of all rows.

        Raises ReplicaLost.
        """
        try:
            loss, square = (float(value) for value in self._train(tf.constant(batches), tf.constant(steps)))
        except _LOST as error:
            raise ReplicaLost(_name(error)) from error
        return Score(loss / steps, (square / steps) ** 0.5, steps * self._batch_size)

    def share_state(self) -> None:
        """Give the chief's weights, optimizer and step to all replicas. Raises ReplicaLost."""
        try:
            self._share()
        except _LOST as error:
            raise ReplicaLost(_name(error)) from error

    def _share_variables(self) -> None:
        for variable in (*self.model.variables, *self.optimizer.variables):
            value = variable.value
            mine = tf.identity(value) if self._is_chief else tf.zeros_like(value)
            value.assign(self._sum(mine))

    def _sum(self, mine: tf.Tensor) -> tf.Tensor:
        """Over all replicas."""
        return self._strategy.reduce(tf.distribute.ReduceOp.SUM, self._strategy.run(tf.identity, (mine,)), axis=None)

    def _shared_steps(self, batches: tf.Tensor, count: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        loss_sum = tf.constant(0.0)
        square_sum = tf.constant(0.0)
        mine = self._gradient(batches[0])
        index = tf.constant(1)
        while index < count:
            flat = self._sum(mine)
            mine = self._apply_and_gradient(flat, batches[index])
            loss_sum += flat[-2]
            square_sum += flat[-1]
            index += 1
        flat = self._sum(mine)
        self._apply(flat)
        return loss_sum + flat[-2], square_sum + flat[-1]

    def _next_gradient(self, flat: tf.Tensor, rows: tf.Tensor) -> tf.Tensor:
        """Apply the sum of a step's gradients, and return this replica's part of the next: one call a step."""
        self._apply_flat(flat)
        return self._flat_gradient(rows)

    def _flat_gradient(self, rows: tf.Tensor) -> tf.Tensor:
        """This replica's part of a step, as one vector: the gradients, the loss, the square error."""
        share = tf.cast(tf.shape(rows)[0], tf.float32) / float(self._batch_size)
        gradients, loss, square = self._gradients(*self._examples(rows))
        parts = [tf.reshape(gradient, [-1]) for gradient in gradients]
        return tf.concat([*parts, [loss / MEMBERS, square]], axis=0) * share

    def _apply_flat(self, flat: tf.Tensor) -> None:
        variables = self.model.trainable_variables
        sizes = [variable.shape.num_elements() for variable in (each.value for each in variables)]
        parts = tf.split(flat[:-2], sizes)
        self.optimizer.apply(
            [tf.reshape(part, variable.shape) for part, variable in zip(parts, variables, strict=True)], variables
        )


def start_again(reason: str) -> Never:
    """Replace this process by a new one, which goes on from the last checkpoint: TensorFlow cannot connect twice.

    Raises ReplicaLost, with `reason`, after MOST_RESTARTS of them.
    """
    count = int(os.environ.get(_RESTARTS, "0")) + 1
    if count > MOST_RESTARTS:
        raise ReplicaLost(f"{reason} (the last of {MOST_RESTARTS} new starts)")
    log(f"another replica has ended ({reason}): starting again from the last checkpoint, {count} of {MOST_RESTARTS}")
    for descriptor in range(3, 4096):  # its sockets must not stay open: a peer would connect to the old one
        try:
            if stat.S_ISSOCK(os.fstat(descriptor).st_mode):
                os.set_inheritable(descriptor, False)  # noqa: FBT003
        except OSError:
            continue  # not open
    environ = {**os.environ, _RESTARTS: str(count)}
    os.execve(sys.executable, [sys.executable, "-m", "trainer.task", *sys.argv[1:]], environ)  # noqa: S606


def _name(error: "tf.errors.OpError") -> str:
    # The first line of an error in a graph says nothing but that; the next ones are its stack.
    return type(error).__name__
