"""The trainer's command line: the lab's flags, and a few more. It does not load TensorFlow, so errors show at once."""

import argparse
import json
import math
from collections.abc import Callable, Sequence
from typing import Never

FEATURES = ("raw", "engineered")


def parse(argv: Sequence[str] | None, description: str, tf_config: str = "") -> argparse.Namespace:
    """Return the parsed flags.

    An illegal flag, or a TF_CONFIG that this trainer does not support, ends the process with status 2 and one line on
    stderr that names it.
    """
    parser = OneLineParser("trainer.task", description)
    data = parser.add_argument_group("data")
    data.add_argument(
        "--train_data_paths",
        required=True,
        metavar="PATHS",
        help="CSV files to train on: a path, a glob, or several with commas; local or gs://",
    )
    data.add_argument("--eval_data_paths", required=True, metavar="PATHS", help="CSV files to evaluate on, likewise")
    data.add_argument(
        "--output_dir", required=True, metavar="DIR", help="where checkpoints, summaries and exports go; local or gs://"
    )
    data.add_argument(
        "--job-dir", dest="job_dir", default="", metavar="DIR", help="given by the training service; accepted, not used"
    )
    training = parser.add_argument_group("training")
    training.add_argument(
        "--train_steps",
        type=whole_number(1),
        default=3000,
        metavar="N",
        help="total steps, including those of an earlier run in --output_dir (default %(default)s)",
    )
    training.add_argument(
        "--train_batch_size", type=whole_number(1), default=512, metavar="N", help="rows per step (default %(default)s)"
    )
    training.add_argument(
        "--learning_rate",
        type=_positive,
        default=0.003,
        metavar="RATE",
        help="highest learning rate; it decays to 0 along a cosine over --train_steps (default %(default)s)",
    )
    training.add_argument(
        "--seed",
        type=whole_number(0),
        default=1,
        metavar="N",
        help="the same seed gives the same model on the same machine (default %(default)s)",
    )
    model = parser.add_argument_group("model")
    model.add_argument(
        "--features",
        choices=FEATURES,
        default="engineered",
        help="raw: the lab's five columns; engineered: distances, directions, airports (default %(default)s)",
    )
    model.add_argument(
        "--hidden_units",
        type=whole_number(1),
        nargs="+",
        default=[128, 32, 4],
        metavar="N",
        help="width of each hidden layer (default 128 32 4)",
    )
    evaluation = parser.add_argument_group("evaluation")
    evaluation.add_argument(
        "--eval_steps",
        type=whole_number(1),
        default=None,
        metavar="N",
        help="batches of --train_batch_size rows to evaluate on (default: every row)",
    )
    evaluation.add_argument(
        "--eval_delay_secs",
        type=_seconds,
        default=10.0,
        metavar="S",
        help="no evaluation before this many seconds of training (default 10)",
    )
    evaluation.add_argument(
        "--throttle_secs",
        type=_seconds,
        default=300.0,
        metavar="S",
        help="evaluate and export at most this often while training (default 300); always once at the end",
    )
    arguments = parser.parse_args(argv)
    try:
        require_single_replica(tf_config)
    except ValueError as error:
        parser.error(str(error))
    return arguments


def require_single_replica(tf_config: str) -> None:
    """Check that TF_CONFIG (empty: none) makes this process the only replica of its job, as chief or master.

    Raises ValueError, with a message of one line, for invalid text, other roles and clusters of several replicas.
    """
    try:
        config = json.loads(tf_config or "{}")
        cluster, task = config.get("cluster") or {}, config.get("task") or {}
        replicas = sum(len(hosts) for hosts in cluster.values())
        kind = str(task.get("type") or "chief")
    except (ValueError, AttributeError, TypeError) as error:
        raise ValueError(f"TF_CONFIG is not the JSON object a training service gives: {error}") from error
    if replicas > 1 or kind not in ("chief", "master"):
        raise ValueError(
            f"TF_CONFIG makes this process {kind} {task.get('index', 0)} of {max(replicas, 1)} replicas; "
            "this trainer runs as a single one: submit the job with scale tier BASIC"
        )


class OneLineParser(argparse.ArgumentParser):
    """Reports an error in one line, without the usage; prints `description` with its line breaks."""

    def __init__(self, program: str, description: str) -> None:
        super().__init__(
            program,
            description=description,
            allow_abbrev=False,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )

    def error(self, message: str) -> Never:
        self.exit(2, f"{self.prog}: error: {message}\n")


def whole_number(minimum: int) -> Callable[[str], int]:
    """Return the argparse type of whole numbers from `minimum` up."""

    def convert(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = minimum - 1
        if value < minimum or value >= 2**31:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of {minimum} or more (below 2^31)")
        return value

    return convert


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _positive(text: str) -> float:
    value = _number(text)
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return value


def _seconds(text: str) -> float:
    value = _number(text)
    if not 0 <= value < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds, 0 or more")
    return value
