"""A model of what a server may have stored when it was killed, from its responses."""

from collections.abc import Awaitable, Callable, Hashable
from typing import Any


class Ledger:
    """For every key the values that may be found: the last one that was accepted, and those requested since without a
    response. None means that the key does not exist."""

    def __init__(self) -> None:
        self.possible: dict[Hashable, list[Any]] = {}
        self.accepted = 0

    async def change(self, key: Hashable, value: Any, request: Callable[[], Awaitable[Any]]) -> Any:
        """Set ``key`` to ``value`` by ``request``; if that returns without an exception, the change was accepted."""
        self.possible.setdefault(key, [None]).append(value)
        response = await request()
        self.possible[key] = [value]
        self.accepted += 1
        return response

    def compare(self, key: Hashable, found: Any) -> None:
        """Assert that ``found`` is possible; from now on it is the only possible value."""
        assert found in self.possible[key], f"{key} is {found!r}, and not one of {self.possible[key]!r}"
        self.possible[key] = [found]
