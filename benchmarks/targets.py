"""Prints the figures of a benchmark, one per line, with their targets."""

from math import inf


class Targets:
    """``status`` is the benchmark's exit status: 1 once a target was missed."""

    def __init__(self) -> None:
        self.status = 0

    def report(self, text: str, figure: float, *, at_least: float = 0.0, at_most: float = inf) -> None:
        """Print a figure, and whether it meets its target, if it has one: a minimum or a maximum."""
        line = f"{text}: {figure:.{0 if figure >= 100 else 2 if figure >= 1 else 3}f}"
        if at_least or at_most < inf:
            met = figure <= at_most and (not at_least or figure >= at_least)
            self.status |= not met
            line += f", target at {f'least {at_least:g}' if at_least else f'most {at_most:g}'}: "
            line += "met" if met else "MISSED"
        print(line, flush=True)
