"""Waiting for something to change without polling and without missing a change."""

import asyncio


class Changes:
    """Wakes everyone who waits, each time. To wait: take ``next()`` *before* looking, then await it."""

    def __init__(self) -> None:
        self._next = asyncio.Event()

    def next(self) -> asyncio.Event:
        """The event that the next ``notify`` sets."""
        return self._next

    def notify(self) -> None:
        changed, self._next = self._next, asyncio.Event()
        changed.set()
