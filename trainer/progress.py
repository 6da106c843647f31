"""What a person watching the log sees of a training: a line every few dozen steps."""

import math
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

MOST_LINES = 40
MOST_STEPS_A_CALL = 32  # enough to hide the cost of calling into TensorFlow


@dataclass(frozen=True)
class Score:
    """Mean loss, and root mean squared error in dollars, over `rows` rows."""

    loss: float
    rmse: float
    rows: int


def report_interval(train_steps: int) -> int:
    """Return every how many steps to report: a round number that makes 16 to 40 lines (fewer steps: one each)."""
    least = train_steps / MOST_LINES
    magnitude = int(10 ** max(0, math.floor(math.log10(max(least, 1)))))
    return next(magnitude * digit for digit in (1, 2, 5, 10) if magnitude * digit >= least)


def steps_a_call(train_steps: int) -> int:
    """Return how many steps to take in one call, so that calls end where reports are due."""
    interval = report_interval(train_steps)
    return max(steps for steps in range(1, MOST_STEPS_A_CALL + 1) if interval % steps == 0)


def say(line: str) -> None:
    """Write a line that is seen at once, also where stdout is a pipe."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def complain(program: str, why: str) -> None:
    """Write the one line that ends a failed run, where errors go."""
    sys.stderr.write(f"{program}: error: {why}\n")
    sys.stderr.flush()


class Progress:
    """Adds up the scores of calls and says a line where one is due."""

    def __init__(
        self, train_steps: int, say: Callable[[str], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._train_steps = train_steps
        self._interval = report_interval(train_steps)
        self._say = say
        self._clock = clock
        self._since = clock()
        self._scores: list[Score] = []

    def add(self, score: Score, steps: int, step: int) -> Score | None:
        """Take in the score of `steps` steps that led to `step`; return the mean since the last line, if one is due."""
        self._scores.append(score)
        if step < self._train_steps and step // self._interval == (step - steps) // self._interval:
            return None
        rows = sum(part.rows for part in self._scores)
        loss = sum(part.loss * part.rows for part in self._scores) / rows
        rmse = math.sqrt(sum(part.rmse**2 * part.rows for part in self._scores) / rows)
        now = self._clock()
        rate = rows / max(now - self._since, 1e-9)
        self._say(f"step {step}/{self._train_steps} loss={loss:.4f} rmse={rmse:.4f} ({rate:.0f} rows/s)")
        self._scores, self._since = [], now
        return Score(loss, rmse, rows)
