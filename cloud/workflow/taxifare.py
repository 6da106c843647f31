"""The lab's taxi-fare model: its data files, its trainer's command line, its score.

The trainer itself is a package like any other (``trainer/``), staged from its folder and never imported here.
"""

import csv
import math
from collections.abc import Iterator, Sequence
from pathlib import Path

from cloud.errors import InvalidArgument
from cloud.resources import Json
from cloud.resources.trials import Goal, Metric, Parameter, ParameterType, ScaleType
from cloud.workflow.tuning import Search

MODEL = "taxifare"
MODULE = "trainer.task"
TRAIN_FILES, EVAL_FILES = "taxi-train*", "taxi-valid*"
FARE = "fare_amount"
INPUTS = ("pickuplon", "pickuplat", "dropofflon", "dropofflat", "passengers")
OUTPUT = "predictions"

_COLUMNS = (FARE, *INPUTS, "key")
_DEFAULTS = {
    FARE: 0.0,
    "pickuplon": -74.0,
    "pickuplat": 40.0,
    "dropofflon": -74.0,
    "dropofflat": 40.7,
    "passengers": 1.0,
}
"""For empty fields, as in the lab (its trainer/model.py, DEFAULTS)."""

TEST_INSTANCES: tuple[dict[str, float], ...] = tuple(
    dict(zip(INPUTS, values, strict=True))
    for values in (
        (-73.885262, 40.773008, -73.987232, 40.732403, 2),  # the lab's test.json: LaGuardia to Union Square
        (-73.7822, 40.6441, -73.9855, 40.7580, 1),  # John F. Kennedy airport to Times Square: the flat fare
        (-73.9772, 40.7527, -73.9857, 40.7484, 1),  # a short ride in Midtown
    )
)


SEARCH = Search(
    Metric("rmse", Goal.MINIMIZE),
    (
        Parameter("hidden_units", ParameterType.CATEGORICAL, categories=("32 8", "64 32 4", "128 32 4", "128 64 16")),
        Parameter("learning_rate", ParameterType.DOUBLE, 0.0003, 0.03, scale=ScaleType.LOG),
        Parameter("features", ParameterType.CATEGORICAL, categories=("raw", "engineered")),
    ),
    trials=6,
    parallel_trials=2,
)
"""What ``--tune`` searches."""


def package_path() -> Path:
    """The folder of this project's trainer: it is installed inside ``cloud``, and beside it in a checkout.

    Raises:
        InvalidArgument: it is in neither place.
    """
    product = Path(__file__).parents[1]
    for folder in (product / "sample" / "trainer", product.parent / "trainer"):
        if (folder / "__init__.py").is_file():
            return folder
    raise InvalidArgument("the sample trainer is not installed: give --package-path", field="--package-path")


def trainer_arguments(train_steps: int | None) -> tuple[str, ...]:
    """The lab's command line, with the placeholders ``{data}`` and ``{output}``."""
    steps = () if train_steps is None else (f"--train_steps={train_steps}",)
    return (
        f"--train_data_paths={{data}}/{TRAIN_FILES}",
        f"--eval_data_paths={{data}}/{EVAL_FILES}",
        "--output_dir={output}",
        *steps,
    )


def check_data(folder: Path) -> None:
    """Raises:
    InvalidArgument: the lab's files are not in ``folder``.
    """
    for pattern in (TRAIN_FILES, EVAL_FILES):
        if not any(path.is_file() for path in folder.glob(pattern)):
            raise InvalidArgument(f"no file matches {folder / pattern}", field="--data-dir")


def evaluation_files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob(EVAL_FILES) if path.is_file())


def labelled_instances(files: Sequence[Path]) -> Iterator[tuple[dict[str, Json], float]]:
    """Each row of the CSV files as an instance and its fare in dollars; like the trainer, skips rows that cannot be
    parsed."""
    for path in files:
        with path.open(newline="", encoding="utf-8", errors="replace") as file:
            for row in csv.reader(file):
                values = _values(row)
                if values is not None:
                    fare = values.pop(FARE)
                    yield dict(values), fare


def _values(row: list[str]) -> dict[str, float] | None:
    if len(row) != len(_COLUMNS):
        return None
    try:
        values = {
            name: float(text) if text.strip() else _DEFAULTS[name] for name, text in zip(_DEFAULTS, row, strict=False)
        }
    except ValueError:
        return None
    return values if all(map(math.isfinite, values.values())) else None


def predicted_fare(prediction: Json) -> float:
    """The dollars in one prediction of the lab's model: ``{"predictions": [10.88]}``."""
    value = prediction[OUTPUT] if isinstance(prediction, dict) else prediction
    while isinstance(value, list):
        (value,) = value
    return float(value)


class RootMeanSquare:
    """Root mean square of differences that are added one at a time."""

    def __init__(self) -> None:
        self._sum = 0.0
        self.count = 0

    def add(self, difference: float) -> None:
        self._sum += difference * difference
        self.count += 1

    @property
    def value(self) -> float:
        return math.sqrt(self._sum / self.count)
