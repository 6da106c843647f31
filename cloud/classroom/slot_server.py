"""``SlotServer``: grants slots to the clouds of a class; the other side of ``cloud.engine.jobs.shared_slots``."""

import asyncio
import json
import logging
import os
from collections import defaultdict
from collections.abc import Callable
from functools import partial
from pathlib import Path

from cloud.classroom.queue import Queue, Ticket

_log = logging.getLogger(__name__)
_MOST_TICKETS = 1000
"""Of one student. No cloud of ours has so many."""
_MOST_UNREAD = 1 << 20
"""Bytes for a cloud that does not read."""


class SlotServer:
    """A Unix socket for each student: who may connect to it is that student.

    Args:
        folder: private to the teacher, but for ``x``; short, as a socket's path has at most 107 bytes (unix(7)).
        on_change: called after each change of the queue.
    """

    def __init__(self, queue: Queue, folder: Path, on_change: Callable[[], None] = lambda: None) -> None:
        self._queue, self._folder, self._on_change = queue, folder, on_change
        self._servers: dict[str, asyncio.Server] = {}
        self._clouds: dict[str, asyncio.StreamWriter] = {}
        self._seen: dict[str, int] = {}
        self._told: dict[str, bytes] = {}
        self._telling: asyncio.Handle | None = None
        self._serving = set[asyncio.Task[object]]()

    async def listen(self, student: str, number: int, uid: int | None = None) -> Path:
        """The socket of the student's cloud.

        Args:
            number: of the student, unique.
            uid: who else may connect.
        """
        path = self._folder / f"{number}.sock"
        self._servers[student] = await asyncio.start_unix_server(partial(self._serve, student), path)
        path.chmod(0o600)
        if uid is not None:
            os.chown(path, uid, -1)
        return path

    async def close(self) -> None:
        """End all connections: the clouds go on alone."""
        for server in self._servers.values():
            server.close()
        for writer in self._clouds.values():
            writer.close()
        await asyncio.gather(*self._serving)
        if self._telling:
            self._telling.cancel()

    async def _serve(self, student: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - asyncio made it
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)
        if earlier := self._clouds.get(student):
            earlier.close()  # the newer one is the cloud that was started after it
            self._queue.leave_all(student)
        self._clouds[student], self._seen[student] = writer, 0
        self._told.pop(student, None)
        self._change()
        try:
            while self._clouds.get(student) is writer and (line := await reader.readline()):
                self._receive(student, json.loads(line))
        except OSError as error:
            _log.info("the cloud of %s has ended: %s", student, error)
        except ValueError as error:
            _log.warning("the cloud of %s: %s", student, error)
        finally:
            writer.close()
            if self._clouds.get(student) is writer:
                del self._clouds[student]
                self._queue.leave_all(student)
                self._change()

    def _receive(self, student: str, message: object) -> None:
        match message:
            case {"want": int(number)} if number > self._seen[student]:
                mine = sum(each.student == student for each in (*self._queue.running, *self._queue.waiting))
                if mine >= _MOST_TICKETS:
                    raise ValueError(f"more than {_MOST_TICKETS} tickets")
                self._seen[student] = number
                self._queue.want(Ticket(student, number))
            case {"leave": int(number)}:
                self._queue.leave(Ticket(student, number))
            case _:
                raise ValueError(f"not understood: {message!r:.300}")
        self._change()

    def _change(self) -> None:
        if self._telling is None:
            self._telling = asyncio.get_running_loop().call_soon(self._tell)

    def _tell(self) -> None:
        self._telling = None
        waiting, running = self._queue.waiting, self._queue.running
        granted, places = defaultdict[str, list[int]](list), defaultdict[str, dict[int, int]](dict)
        for ticket in running:
            granted[ticket.student].append(ticket.number)
        for place, ticket in enumerate(waiting, 1):
            places[ticket.student][ticket.number] = place
        for student, writer in list(self._clouds.items()):
            state = {
                "granted": granted[student],
                "places": places[student],
                "waiting": len(waiting) if places[student] else 0,
                "seen": self._seen[student],
            }
            line = json.dumps(state).encode() + b"\n"
            if self._told.get(student) == line or writer.is_closing():
                continue
            if writer.transport.get_write_buffer_size() > _MOST_UNREAD:
                writer.transport.abort()
                continue
            self._told[student] = line
            writer.write(line)
        self._on_change()
