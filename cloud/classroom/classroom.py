"""``Classroom``: all clouds of a class, and the queue that they share."""

import asyncio
import logging
import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from cloud.classroom.cloud_process import CloudProcess
from cloud.classroom.order import Order
from cloud.classroom.queue import Queue
from cloud.classroom.records import ClassRecords
from cloud.classroom.slot_server import SlotServer
from cloud.classroom.students import Student
from cloud.engine.state_folder import StateFolder
from cloud.errors import CloudError, FailedPrecondition
from cloud.folders import temporary
from cloud.folders.temporary import Kind

_STARTING = 4
"""Clouds that start at a time: more would only make each slower."""
_LOOKING = 2
"""Students who are looked at, at a time."""
_REST = 4.0
"""How many times as long as a look at the whole class nothing is looked at: a page that stays open costs little."""
_SHORTEST_REST = 3.0
_OF_THE_TEACHER = ("SSH_AUTH_SOCK", "XDG_RUNTIME_DIR", "TMPDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "CLOUD_RUNTIMES")
_log = logging.getLogger(__name__)


class Classroom:
    """Use as an async context manager; on exit every process of the class has ended.

    Args:
        folder: of the class, made if missing.
        jobs: how many run at a time in the whole class.
        environ: of the students' processes.

    Raises:
        FailedPrecondition: on entering, if the folder cannot be used or no cloud can be started.
    """

    def __init__(
        self, students: Sequence[Student], folder: Path, *, jobs: int, language: str, environ: Mapping[str, str]
    ) -> None:
        self.students, self.folder, self.language = students, folder.expanduser().absolute(), language
        self.queue = Queue(jobs)
        self.clouds: dict[str, CloudProcess] = {}
        self._environ = dict(environ)
        self._parts = AsyncExitStack()
        self._seen = asyncio.Event()
        self._looking: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        try:
            await self._start()
        except BaseException:
            await self._parts.aclose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._parts.aclose()

    async def _start(self) -> None:
        has_users = any(student.user for student in self.students)
        self._parts.callback(StateFolder(self.folder / "class").close)
        self._records = ClassRecords(self.folder / "class" / "students.json")
        sockets = temporary.create(Kind.CLASS)
        self._parts.callback(temporary.remove, sockets)
        if has_users:  # each reaches his own, and lists none
            for each in (self.folder, sockets):
                each.chmod(0o711)
        slots = SlotServer(self.queue, sockets)
        self._parts.push_async_callback(slots.close)
        starting = asyncio.Semaphore(_STARTING)
        for student in self.students:
            uid = student.user.pw_uid if student.user else None
            socket = await slots.listen(student.project, student.number, uid)
            self.clouds[student.project] = CloudProcess(
                student,
                self._order_of(student, socket),
                self._environ_of(student),
                self.folder / "class" / f"{student.project}.log",
                self._on_ready(student),
                starting,
            )
        self._parts.push_async_callback(self._close_clouds)
        outcomes = await asyncio.gather(*map(self._start_one, self.clouds.values()))
        if not any(outcomes):
            raise FailedPrecondition(next(cloud.problem for cloud in self.clouds.values()))
        self._looking = asyncio.create_task(self._look())
        self._parts.push_async_callback(self._stop_looking)

    async def _start_one(self, cloud: CloudProcess) -> bool:
        self._make_folder(cloud.student)
        try:
            await cloud.start()
        except CloudError as error:
            _log.error("the cloud of %s cannot be started: %s", cloud.student.name, error)
            return False
        return True

    def _make_folder(self, student: Student) -> None:
        """The only thing that the class itself does in a student's folder: what is in it may be links of his."""
        folder = self.folder / student.project
        if student.user and not folder.exists():
            folder.mkdir(mode=0o700)
            os.chown(folder, student.user.pw_uid, student.user.pw_gid)

    def _order_of(self, student: Student, socket: Path) -> Callable[[], Order]:
        def order() -> Order:
            door = self._records.door(student.project)
            folder = str(self.folder / student.project)
            return Order(student.name, student.project, folder, self.language, door.port, door.key, str(socket))

        return order

    def _environ_of(self, student: Student) -> dict[str, str]:
        environ = self._environ | {"CLOUD_CONCURRENT_JOBS": str(self.queue.limit)}
        if user := student.user:
            environ = {name: value for name, value in environ.items() if name not in _OF_THE_TEACHER}
            environ |= {"HOME": user.pw_dir, "USER": user.pw_name, "LOGNAME": user.pw_name, "SHELL": user.pw_shell}
        return environ

    def _on_ready(self, student: Student) -> Callable[[int], None]:
        return lambda port: self._records.set_port(student.project, port)

    async def _close_clouds(self) -> None:
        await asyncio.gather(*(cloud.close() for cloud in self.clouds.values()))

    def address(self, student: Student) -> str:
        """Of the student's page. It is a secret between him and the teacher."""
        door = self._records.door(student.project)
        return f"http://127.0.0.1:{door.port}/{door.key}/"

    async def reset(self, project: str) -> None:
        """Begin anew with one student. His address stays.

        Raises:
            KeyError: there is no such student.
            FailedPrecondition: his cloud cannot be started.
        """
        await self.clouds[project].reset()

    def places(self) -> dict[str, list[int]]:
        """Of the waiting jobs of each student."""
        places: dict[str, list[int]] = {}
        for place, ticket in enumerate(self.queue.waiting, 1):
            places.setdefault(ticket.student, []).append(place)
        return places

    def running(self) -> Counter[str]:
        """Jobs, by student."""
        return Counter(ticket.student for ticket in self.queue.running)

    # ---------------------------------------------------------------- progress

    def see(self) -> None:
        """Somebody looks at the class: bring the progress of all students up to date."""
        self._seen.set()

    async def _look(self) -> None:
        loop, looking = asyncio.get_running_loop(), asyncio.Semaphore(_LOOKING)

        async def look(cloud: CloudProcess) -> None:
            async with looking:
                await cloud.look()

        while True:
            await self._seen.wait()
            self._seen.clear()
            started = loop.time()
            await asyncio.gather(*map(look, self.clouds.values()))
            await asyncio.sleep(max(_SHORTEST_REST, _REST * (loop.time() - started)))

    async def _stop_looking(self) -> None:
        if self._looking:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)
