"""Evaluation by a replica of its own: it follows the checkpoints of the chief, and tells the chief their scores."""

import argparse
import json
import time
from collections.abc import Callable

import tensorflow as tf

from trainer.chief_watch import POLL_SECS, ChiefWatch
from trainer.cluster import Cluster
from trainer.data import CsvData
from trainer.files import TensorFlowFiles
from trainer.metrics import report_metric
from trainer.model import FareModel
from trainer.progress import Score, log
from trainer.training import Checkpoints, Curves, Training

WAIT_SECS = 600.0
"""How long the chief waits for the score of its last checkpoint."""


class Evaluation:
    """The evaluation data. Raises DataError for data that cannot be used."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self._data = CsvData(arguments.eval_data_paths, TensorFlowFiles(), log)
        self._rows = arguments.eval_steps and arguments.eval_steps * arguments.train_batch_size
        self._data.validate(self._rows)

    def score(self, training: Training) -> Score:
        """Score the model as it is now."""
        return training.evaluate(self._data.blocks(), self._rows)


def follow_checkpoints(arguments: argparse.Namespace, cluster: Cluster, output_dir: str) -> None:
    """Evaluate checkpoints as they appear, at most one in --throttle_secs, until the last step's or the chief's end.

    Raises DataError for data that cannot be used, and for checkpoints of another model.
    """
    evaluation = Evaluation(arguments)
    model = FareModel(arguments.features, arguments.hidden_units, arguments.seed)
    training = Training(model, arguments.learning_rate, arguments.train_steps)
    checkpoints = Checkpoints(training, output_dir)
    curves = Curves(f"{output_dir}/eval")
    watch = ChiefWatch(cluster.trainers[0])
    evaluated, due = -1, time.monotonic() + arguments.eval_delay_secs
    log(f"{cluster.name} evaluates the checkpoints in {output_dir}")
    while evaluated < arguments.train_steps:
        is_last_look = watch.is_gone()
        newest = checkpoints.newest_step()
        is_due = time.monotonic() >= due or newest >= arguments.train_steps or is_last_look
        if newest > evaluated and is_due and _restored(checkpoints):
            score = evaluation.score(training)
            evaluated, due = training.step, time.monotonic() + arguments.throttle_secs
            curves.add(score, evaluated)
            curves.flush()
            report_score(score, evaluated)
            _tell(output_dir, score, evaluated)
        elif is_last_look:
            log("the chief has ended")
            return
        else:
            time.sleep(POLL_SECS)


def report_score(score: Score, step: int) -> None:
    """Log an evaluation, and report its rmse to a tuning job."""
    report_metric("rmse", score.rmse, step)
    log(f"evaluation step={step} loss={score.loss:.4f} rmse={score.rmse:.4f} rows={score.rows}")


def score_from_evaluator(output_dir: str, step: int, sleep: Callable[[float], None] = time.sleep) -> Score | None:
    """Wait until the evaluator has evaluated `step`, and return its score; None after WAIT_SECS without."""
    waited = 0.0
    while waited < WAIT_SECS:
        try:
            with tf.io.gfile.GFile(_path(output_dir)) as file:
                record = json.loads(file.read())
            if record["step"] >= step:
                return Score(record["loss"], record["rmse"], record["rows"])
        except (tf.errors.NotFoundError, ValueError):
            pass  # not yet, or half written
        sleep(POLL_SECS)
        waited += POLL_SECS
    return None


def _restored(checkpoints: Checkpoints) -> bool:
    try:
        return checkpoints.restore()
    except tf.errors.NotFoundError:  # a newer one has replaced it meanwhile
        return False


def _tell(output_dir: str, score: Score, step: int) -> None:
    with tf.io.gfile.GFile(_path(output_dir), "w") as file:
        file.write(json.dumps({"step": step, "loss": score.loss, "rmse": score.rmse, "rows": score.rows}))


def _path(output_dir: str) -> str:
    return f"{output_dir}/eval/latest.json"
