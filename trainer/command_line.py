"""The trainer's command line: the lab's flags, and a few more. It does not load TensorFlow, so errors show at once."""

import argparse
import math
from collections.abc import Callable, Sequence
from itertools import chain
from typing import Never

from trainer.cluster import parse_cluster

FEATURES = ("raw", "engineered")
HIDDEN_UNITS = (128, 32, 4)


def parse(argv: Sequence[str] | None, description: str, tf_config: str = "") -> argparse.Namespace:
    """Return the parsed flags, and as `cluster` what TF_CONFIG says.

    An illegal flag, or an illegal TF_CONFIG, ends the process with status 2 and one line on stderr that names it.
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
        "--train_batch_size",
        type=whole_number(1),
        default=512,
        metavar="N",
        help="rows per step, of all replicas together (default %(default)s)",
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
        type=_whole_numbers,
        nargs="+",
        metavar="N",
        help="width of each hidden layer (default 128 32 4); several may be one argument, as tuning services pass them",
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
    arguments.hidden_units = list(chain.from_iterable(arguments.hidden_units or [HIDDEN_UNITS]))
    try:
        arguments.cluster = parse_cluster(tf_config)
    except ValueError as error:
        parser.error(str(error))
    if arguments.train_batch_size < arguments.cluster.size:
        parser.error(
            f"argument --train_batch_size: {arguments.train_batch_size} rows are fewer than the "
            f"{arguments.cluster.size} replicas that share them"
        )
    return arguments


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


def _whole_numbers(text: str) -> list[int]:
    """The whole numbers in one argument, such as "64 32 4"."""
    return [whole_number(1)(word) for word in text.split() or [text]]


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
