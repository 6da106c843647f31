"""One lock for each resource, held while it is read, changed and written again across an await."""

import asyncio
from weakref import WeakValueDictionary


class Locks:
    """Locks by name, each kept while it is held or waited for.

    A lock is held only to read, change and write a record, not while a model is loaded.
    """

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def of(self, name: str) -> asyncio.Lock:
        return self._locks.setdefault(name, asyncio.Lock())
