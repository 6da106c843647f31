"""Train a model that predicts New York taxi fares, evaluate it, and export it for serving.

    python -m trainer.task --train_data_paths 'data/taxi-train*.csv' --eval_data_paths 'data/taxi-valid*.csv' \\
        --output_dir taxi_trained

takes about 20 seconds on two cores, 10 of them to load TensorFlow, and reaches an rmse of about 4.6 dollars on the
lab's files, with either set of features: no feature explains the fares of a few rides there. Paths may be local or
gs://. A run with the --output_dir of an earlier one continues where that one stopped. A trial of a tuning job writes to
--output_dir/TRIAL, and reports the `rmse` of its evaluations.

As one of several replicas (TF_CONFIG) it trains on its share of the rows of each step, under TensorFlow's
MultiWorkerMirroredStrategy. The chief saves, exports, and evaluates unless there is an evaluator; parameter servers are
idle.
"""

import argparse
import os
import sys
import time
from collections.abc import Sequence

from trainer import command_line
from trainer.chief_watch import POLL_SECS, ChiefWatch
from trainer.cluster import EVALUATOR, PS, Cluster
from trainer.data import DataError
from trainer.progress import log, log_error


def main(argv: Sequence[str] | None = None) -> int:
    """Run the whole job; return its exit status: 0, or 1 for data or an output folder that cannot be used.

    Illegal flags, or an illegal TF_CONFIG, exit with status 2. Errors are one line on stderr.
    """
    arguments = command_line.parse(argv, __doc__ or "", os.environ.get("TF_CONFIG", ""))
    if trial := os.environ.get("CLOUD_ML_TRIAL_ID"):  # the service appends it to --job-dir only
        arguments.output_dir = f"{arguments.output_dir.rstrip('/')}/{trial}"
    cluster: Cluster = arguments.cluster
    if cluster.role == PS or (cluster.role == EVALUATOR and cluster.index > 0):
        wait_for_chief(cluster)
        return 0
    log(f"training on {arguments.train_data_paths} into {arguments.output_dir}; loading TensorFlow")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import tensorflow as tf  # here, because it takes seconds, which --help and a mistyped flag must not wait for

    try:
        if cluster.size > 1 and cluster.role != EVALUATOR:
            train_with_others(arguments, cluster)
            return 0
        output_dir = writable_folder(arguments.output_dir)
        if cluster.role == EVALUATOR:
            from trainer.evaluation import follow_checkpoints

            follow_checkpoints(arguments, cluster, output_dir)
        else:
            from trainer.loop import train_and_evaluate

            train_and_evaluate(arguments, cluster, output_dir)
    except DataError as error:
        log_error("trainer.task", str(error))
        return 1
    except (tf.errors.NotFoundError, tf.errors.PermissionDeniedError, tf.errors.UnauthenticatedError) as error:
        log_error("trainer.task", f"{type(error).__name__}: {str(error.message).splitlines()[0]}")
        return 1
    return 0


def wait_for_chief(cluster: Cluster) -> None:
    """Return when the chief has ended; for a replica that has nothing to do."""
    log(f"{cluster.name} is idle: MultiWorkerMirroredStrategy trains without it; it ends with the chief")
    watch = ChiefWatch(cluster.trainers[0])
    while not watch.is_gone():
        time.sleep(POLL_SECS)
    log("the chief has ended")


def train_with_others(arguments: argparse.Namespace, cluster: Cluster) -> None:
    """Train as one of several replicas. Where one of them ends, start again from the last checkpoint."""
    from trainer.distributed import ReplicaLost, connect, start_again

    log(f"{cluster.name}: waiting for the {cluster.size - 1} other replicas that train")
    try:
        strategy = connect(cluster)
        from trainer.loop import train_and_evaluate

        train_and_evaluate(arguments, cluster, writable_folder(arguments.output_dir), strategy)
    except ReplicaLost as lost:
        start_again(str(lost))


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
