"""What a server may be found to hold after it was killed: a model of it that only knows what it answered."""

from collections.abc import Awaitable, Callable, Hashable
from typing import Any


class Ledger:
    """For every key the values that may be found: the one that was accepted last, and those asked for since without an
    answer. None stands for nothing there."""

    def __init__(self) -> None:
        self.possible: dict[Hashable, list[Any]] = {}
        self.accepted = 0

    async def change(self, key: Hashable, value: Any, ask: Callable[[], Awaitable[Any]]) -> Any:
        """``ask`` for ``key`` to hold ``value``; an answer (no exception) means that it does."""
        self.possible.setdefault(key, [None]).append(value)
        answer = await ask()
        self.possible[key] = [value]
        self.accepted += 1
        return answer

    def compare(self, key: Hashable, found: Any) -> None:
        """Take what was found for what holds from now on, if it may be."""
        assert found in self.possible[key], f"{key} is {found!r}, and not one of {self.possible[key]!r}"
        self.possible[key] = [found]
