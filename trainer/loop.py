"""The training loop of a replica that trains, and what the chief does besides: save, export, evaluate."""

import argparse
import time
from itertools import chain
from typing import TYPE_CHECKING

from trainer.cluster import Cluster
from trainer.data import CsvData, batched, prefetched, shuffled
from trainer.evaluation import Evaluation, report_score, score_from_evaluator
from trainer.export import export
from trainer.files import TensorFlowFiles
from trainer.model import FareModel
from trainer.progress import Progress, Score, log, steps_per_call
from trainer.training import Checkpoints, Curves, Training

if TYPE_CHECKING:
    import tensorflow as tf

CHECKPOINT_SECS = 10.0  # the training that a kill may lose
SAMPLE_ROWS = 1 << 17  # from which the features' scales are taken: more rows hardly change their percentiles


def train_and_evaluate(
    arguments: argparse.Namespace, cluster: Cluster, output_dir: str, strategy: "tf.distribute.Strategy | None" = None
) -> None:
    """Train; as the chief also save, evaluate and export.

    Raises DataError for data or an output folder that cannot be used, ReplicaLost for another replica that has ended.
    """
    # Data. The evaluation files are validated now, so that an error in them does not show after an hour.
    data = CsvData(arguments.train_data_paths, TensorFlowFiles(), log, share=cluster.position, shares=cluster.size)
    evaluation = Evaluation(arguments) if cluster.is_chief and not cluster.has_evaluator else None

    # Model, and the checkpoint of an earlier run.
    model = FareModel(arguments.features, arguments.hidden_units, arguments.seed)
    training = _training(model, arguments, cluster, strategy)
    chief = _Chief(training, cluster, output_dir, evaluation) if cluster.is_chief else None
    if chief:
        chief.restore()
        rows = shuffled(data, [arguments.seed, training.step])
        if training.step == 0:
            sample = next(rows)
            model.adapt(sample[:SAMPLE_ROWS])
            rows = chain([sample], rows)
        training.share_state()
    else:
        training.share_state()
        rows = shuffled(data, [arguments.seed, training.step, cluster.position])

    # Training.
    if training.step < arguments.train_steps:
        progress = Progress(arguments.train_steps, log if chief else _silent)
        clock = time.monotonic
        checkpoint_due = clock()
        evaluation_due = clock() + max(arguments.eval_delay_secs, arguments.throttle_secs)
        share = cluster.share_of(arguments.train_batch_size)
        steps_a_call = steps_per_call(arguments.train_steps, arguments.train_batch_size)
        for batches in prefetched(batched(rows, steps_a_call, share)):
            steps = min(len(batches), arguments.train_steps - training.step)
            mean = progress.add(training.train(batches, steps), steps, training.step)
            if training.step >= arguments.train_steps:
                if chief and mean:
                    chief.add(mean)
                break
            if chief and mean:
                chief.add(mean)
                if clock() >= checkpoint_due:
                    chief.save()
                    checkpoint_due = clock() + CHECKPOINT_SECS
                if clock() >= evaluation_due:
                    chief.finish_part()
                    evaluation_due = clock() + arguments.throttle_secs
        data.check()  # a short training has not reached the end of its data
    if chief:
        chief.finish()
    else:
        log(f"{cluster.name} has trained its share of {arguments.train_steps} steps")


def _training(
    model: FareModel, arguments: argparse.Namespace, cluster: Cluster, strategy: "tf.distribute.Strategy | None"
) -> Training:
    if strategy is None:
        return Training(model, arguments.learning_rate, arguments.train_steps)
    from trainer.distributed import SharedTraining

    return SharedTraining(
        model,
        arguments.learning_rate,
        arguments.train_steps,
        strategy=strategy,
        is_chief=cluster.is_chief,
        batch_size=arguments.train_batch_size,
    )


class _Chief:
    """What only the chief does with a training: it writes to the output folder."""

    def __init__(self, training: Training, cluster: Cluster, output_dir: str, evaluation: Evaluation | None) -> None:
        self._training, self._cluster, self._output_dir = training, cluster, output_dir
        self._evaluation = evaluation
        self._checkpoints = Checkpoints(training, output_dir)
        self._curves = Curves(f"{output_dir}/train")
        self._eval_curves = Curves(f"{output_dir}/eval") if evaluation else None

    def restore(self) -> None:
        if self._checkpoints.restore():
            log(f"continuing from step {self._training.step} of an earlier run")

    def add(self, mean: Score) -> None:
        self._curves.add(mean, self._training.step)

    def save(self) -> None:
        self._checkpoints.save()

    def finish_part(self) -> None:
        """Save, evaluate unless an evaluator does, and export."""
        self.save()
        self._curves.flush()
        if self._evaluation and self._eval_curves:
            score = self._evaluation.score(self._training)
            self._eval_curves.add(score, self._training.step)
            self._eval_curves.flush()
            report_score(score, self._training.step)
        log(f"exported {export(self._training.model, self._output_dir)}")

    def finish(self) -> None:
        """The same at the end, with the evaluator's score: it must not be ended before."""
        self.finish_part()
        if self._cluster.has_evaluator:
            log("waiting for the evaluator's score of the last checkpoint")
            score = score_from_evaluator(self._output_dir, self._training.step)
            if score is None:
                log("the evaluator gave none")
            else:
                report_score(score, self._training.step)


def _silent(_: str) -> None:
    """The chief alone logs the progress."""
