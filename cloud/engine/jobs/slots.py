"""Who says how many jobs may run: this cloud by itself, or one who does for all clouds of a machine."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Places:
    """Where the parts of this cloud's jobs stand among those of all clouds that wait."""

    places: Sequence[int] = ()
    """From 1, of this cloud's waiting parts in the order in which they start."""
    waiting: int = 0
    """Of all clouds."""


class JobSlots(Protocol):
    """A part of a job runs while it holds a slot. Used in the event loop's thread only."""

    @property
    def granted(self) -> int:
        """How many parts may run now, those that run included."""

    @property
    def most(self) -> int:
        """How many parts it makes sense to ask for."""

    @property
    def places(self) -> Places | None:
        """None: there is no other cloud to wait for."""

    async def start(self, on_change: Callable[[], None]) -> None:
        """Args:
        on_change: called when ``granted`` or ``places`` changed by themselves.

        Raises:
            FailedPrecondition: there is nobody to ask.
        """

    def request(self, parts: int) -> None:
        """So many parts run or could run now; the slots of no others are kept."""

    def release(self) -> None:
        """A part ended. Its slot is for whoever is next, of any cloud."""

    async def close(self) -> None:
        """Give everything back. Nothing runs any more."""


class OwnSlots:
    """See ``JobSlots``: a fixed number, for this cloud alone."""

    def __init__(self, limit: int) -> None:
        self.granted = self.most = limit
        self.places: Places | None = None

    async def start(self, on_change: Callable[[], None]) -> None:
        """Nothing changes by itself."""

    def request(self, parts: int) -> None:
        """They are granted already."""

    def release(self) -> None:
        """It is this cloud's again."""

    async def close(self) -> None:
        """There is nobody to give it back to."""
