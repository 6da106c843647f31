"""One lock for each resource, held while it is read, changed and written again across an await."""

import asyncio
from weakref import WeakValueDictionary


class Locks:
    """Locks by name, each kept for as long as somebody holds it or waits for it.

    A lock is not held while something else takes its time, as a model that is loaded: only for what reads a record,
    decides by it and writes it.
    """

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def of(self, name: str) -> asyncio.Lock:
        return self._locks.setdefault(name, asyncio.Lock())
