"""What a benchmark finds, one figure a line, beside the target it is to reach."""

from math import inf


class Targets:
    """``status`` is what the benchmark exits with: 1 once a target was missed."""

    def __init__(self) -> None:
        self.status = 0

    def tell(self, text: str, figure: float, *, at_least: float = 0.0, at_most: float = inf) -> None:
        """Print a figure, and how it stands to its target if it has one: either a least or a most."""
        line = f"{text}: {figure:.{0 if figure >= 100 else 2 if figure >= 1 else 3}f}"
        if at_least or at_most < inf:
            met = at_least <= figure <= at_most
            self.status |= not met
            line += f", target at {f'least {at_least:g}' if at_least else f'most {at_most:g}'}: "
            line += "met" if met else "MISSED"
        print(line, flush=True)
