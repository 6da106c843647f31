"""Waiting for a change without polling and without missing one."""

import asyncio


class Changes:
    """Wakes all waiters on each change. To wait, call ``next()`` *before* reading the state, then await the event."""

    def __init__(self) -> None:
        self._next = asyncio.Event()

    def next(self) -> asyncio.Event:
        """The event that the next ``notify`` sets."""
        return self._next

    def notify(self) -> None:
        changed, self._next = self._next, asyncio.Event()
        changed.set()
