"""Logs a training's progress: a line every few dozen steps."""

import math
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

MAX_LINES = 40
MAX_STEPS_PER_CALL = 128  # enough to hide the overhead of a call into TensorFlow
MAX_ROWS_PER_CALL = 1 << 16  # some 8 MB with their features


@dataclass(frozen=True)
class Score:
    """Mean loss, and root mean squared error in dollars, over `rows` rows."""

    loss: float
    rmse: float
    rows: int


def report_interval(train_steps: int) -> int:
    """Return the steps between two reports: a round number that gives 16 to 40 lines (one per step for fewer steps)."""
    minimum = train_steps / MAX_LINES
    magnitude = int(10 ** max(0, math.floor(math.log10(max(minimum, 1)))))
    return next(magnitude * digit for digit in (1, 2, 5, 10) if magnitude * digit >= minimum)


def steps_per_call(train_steps: int, batch_size: int) -> int:
    """Return how many steps of `batch_size` rows to run in one call, so that calls end where reports are due."""
    interval = report_interval(train_steps)
    most = min(MAX_STEPS_PER_CALL, max(MAX_ROWS_PER_CALL // batch_size, 1))
    return max(steps for steps in range(1, most + 1) if interval % steps == 0)


def log(line: str) -> None:
    """Write a line to stdout and flush it, since stdout may be a pipe."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def log_error(program: str, message: str) -> None:
    """Write the one line of a failed run to stderr."""
    sys.stderr.write(f"{program}: error: {message}\n")
    sys.stderr.flush()


class Progress:
    """Averages the scores of calls and logs a line when one is due."""

    def __init__(
        self, train_steps: int, log: Callable[[str], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._train_steps = train_steps
        self._interval = report_interval(train_steps)
        self._log = log
        self._clock = clock
        self._since = clock()
        self._scores: list[Score] = []

    def add(self, score: Score, steps: int, step: int) -> Score | None:
        """Add the score of the `steps` steps up to `step`; if a line is due, log and return the mean since the last."""
        self._scores.append(score)
        if step < self._train_steps and step // self._interval == (step - steps) // self._interval:
            return None
        rows = sum(part.rows for part in self._scores)
        loss = sum(part.loss * part.rows for part in self._scores) / rows
        rmse = math.sqrt(sum(part.rmse**2 * part.rows for part in self._scores) / rows)
        now = self._clock()
        rate = rows / max(now - self._since, 1e-9)
        self._log(f"step {step}/{self._train_steps} loss={loss:.4f} rmse={rmse:.4f} ({rate:.0f} rows/s)")
        self._scores, self._since = [], now
        return Score(loss, rmse, rows)
