"""Train a model that predicts New York taxi fares, evaluate it, and export it for serving.

    python -m trainer.task --train_data_paths 'data/taxi-train*.csv' --eval_data_paths 'data/taxi-valid*.csv' \\
        --output_dir taxi_trained

takes about 20 seconds on two cores, 10 of them to load TensorFlow, and reaches an rmse of about 4.6 dollars on the
lab's files, with either set of features: no feature explains the fares of a few rides there. Paths may be local or
gs://. A run with the --output_dir of an earlier one continues where that one stopped.
"""

import argparse
import os
import sys
import time
from collections.abc import Sequence
from itertools import chain

from trainer import command_line
from trainer.data import CsvData, DataError, batched, prefetched, shuffled
from trainer.progress import Progress, log, log_error, steps_per_call

CHECKPOINT_SECS = 10.0  # the training that a kill may lose


def main(argv: Sequence[str] | None = None) -> int:
    """Run the whole job; return its exit status: 0, or 1 for data or an output folder that cannot be used.

    Illegal flags, or a TF_CONFIG that this trainer does not support, exit with status 2. Errors are one line on stderr.
    """
    arguments = command_line.parse(argv, __doc__ or "", os.environ.get("TF_CONFIG", ""))
    log(f"training on {arguments.train_data_paths} into {arguments.output_dir}; loading TensorFlow")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import tensorflow as tf  # here, because it takes seconds, which --help and a mistyped flag must not wait for

    try:
        train_and_evaluate(arguments)
    except DataError as error:
        log_error("trainer.task", str(error))
        return 1
    except (tf.errors.NotFoundError, tf.errors.PermissionDeniedError, tf.errors.UnauthenticatedError) as error:
        log_error("trainer.task", f"{type(error).__name__}: {str(error.message).splitlines()[0]}")
        return 1
    return 0


def train_and_evaluate(arguments: argparse.Namespace) -> None:
    """Train, evaluate and export. Raises DataError for data or an output folder that cannot be used."""
    from trainer.export import export
    from trainer.files import TensorFlowFiles
    from trainer.model import FareModel
    from trainer.training import Checkpoints, Curves, Training

    # Data. The evaluation files are validated now, so that an error in them does not show after an hour.
    files = TensorFlowFiles()
    train_data = CsvData(arguments.train_data_paths, files, log)
    eval_data = CsvData(arguments.eval_data_paths, files, log)
    eval_rows = arguments.eval_steps and arguments.eval_steps * arguments.train_batch_size
    eval_data.validate(eval_rows)

    # Model, and the checkpoint of an earlier run.
    model = FareModel(arguments.features, arguments.hidden_units, arguments.seed)
    training = Training(model, arguments.learning_rate, arguments.train_steps)
    output_dir = writable_folder(arguments.output_dir)
    checkpoints = Checkpoints(training, output_dir)
    if checkpoints.restore():
        log(f"continuing from step {training.step} of an earlier run")
    train_curves, eval_curves = Curves(f"{output_dir}/train"), Curves(f"{output_dir}/eval")

    def evaluate_and_export() -> None:
        checkpoints.save()
        score = training.evaluate(eval_data.blocks(), eval_rows)
        eval_curves.add(score, training.step)
        train_curves.flush()
        eval_curves.flush()
        log(f"evaluation step={training.step} loss={score.loss:.4f} rmse={score.rmse:.4f} rows={score.rows}")
        log(f"exported {export(model, output_dir)}")

    # Training.
    if training.step < arguments.train_steps:
        progress = Progress(arguments.train_steps, log)
        clock = time.monotonic
        checkpoint_due = clock()
        evaluation_due = clock() + max(arguments.eval_delay_secs, arguments.throttle_secs)
        rows = shuffled(train_data, [arguments.seed, training.step])
        sample = next(rows)
        if training.step == 0:
            model.adapt(sample)
        stream = batched(chain([sample], rows), steps_per_call(arguments.train_steps), arguments.train_batch_size)
        for batches in prefetched(stream):
            steps = min(len(batches), arguments.train_steps - training.step)
            mean = progress.add(training.train(batches, steps), steps, training.step)
            if mean:
                train_curves.add(mean, training.step)
            if training.step >= arguments.train_steps:
                break
            if mean:
                if clock() >= checkpoint_due:
                    checkpoints.save()
                    checkpoint_due = clock() + CHECKPOINT_SECS
                if clock() >= evaluation_due:
                    evaluate_and_export()
                    evaluation_due = clock() + arguments.throttle_secs
        train_data.check()  # a short training has not reached the end of its data
    evaluate_and_export()


def writable_folder(path: str) -> str:
    """Create a folder, local or on gs://, and return it without a trailing slash. Raises DataError."""
    import tensorflow as tf

    try:
        tf.io.gfile.makedirs(path)
    except tf.errors.OpError as error:
        raise DataError(f"{path}: cannot create the folder: {str(error.message).splitlines()[0]}") from error
    return path.rstrip("/")


if __name__ == "__main__":
    sys.exit(main())
