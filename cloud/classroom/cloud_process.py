"""``CloudProcess``: the process of one student's cloud, started again when it dies."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, replace
from enum import StrEnum
from pathlib import Path

from cloud.classroom.order import Order
from cloud.classroom.report import Report, read_report
from cloud.classroom.students import Student
from cloud.errors import FailedPrecondition, Unavailable

_MODULE = "cloud.classroom.student_process"
_START_SECONDS = 120.0
_END_SECONDS = 20.0
"""In which a cloud ends by itself."""
_LOOK_SECONDS = 60.0
_LONGEST_LINE = 1 << 20
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 30.0
"""Before a cloud that died at once is started again."""
_LONG_RUN = 60.0


class State(StrEnum):
    """Of a student's cloud."""

    WAITING = "waiting"
    STARTING = "starting"
    RUNNING = "running"
    RESETTING = "resetting"
    DIED = "died"
    """It is started again after a pause."""
    ENDED = "ended"


class CloudProcess:
    """Between ``start`` and ``close``.

    Args:
        order: makes what the process is told.
        environ: of the process.
        log: for what it prints.
        on_ready: called with the port of the student's page.
        starting: how many may start at a time.
    """

    def __init__(
        self,
        student: Student,
        order: Callable[[], Order],
        environ: Mapping[str, str],
        log: Path,
        on_ready: Callable[[int], None],
        starting: asyncio.Semaphore,
    ) -> None:
        self.student = student
        self.state = State.WAITING
        self.restarts = 0
        self.problem = ""
        """Why it died last."""
        self.report = Report()
        """As of the last ``look``."""
        self._order, self._environ, self._log, self._on_ready = order, dict(environ), log, on_ready
        self._starting = starting
        self._process: asyncio.subprocess.Process | None = None
        self._answers: dict[int, asyncio.Future[Report]] = {}
        self._looks = 0
        self._keeping: asyncio.Task[None] | None = None
        self._changing = asyncio.Lock()

    async def start(self) -> None:
        """Returns once the student's page can be opened.

        Raises:
            FailedPrecondition: the cloud cannot be started.
        """
        await self._start(is_reset=False)

    async def reset(self) -> None:
        """End it, remove all of the student's work, and start it.

        Raises:
            FailedPrecondition: it cannot be started.
        """
        async with self._changing:
            self.state = State.RESETTING
            await self._stop()
            self.report, self.problem = Report(), ""
            await self._start(is_reset=True)

    async def close(self) -> None:
        async with self._changing:
            await self._stop()
            self.state = State.ENDED

    async def look(self) -> None:
        """Bring ``report`` up to date; it stays as it is if the cloud does not answer."""
        process = self._process
        if self.state is not State.RUNNING or process is None or process.stdin is None:
            return
        self._looks += 1
        answer = self._answers[self._looks] = asyncio.get_running_loop().create_future()
        try:
            process.stdin.write(json.dumps({"look": self._looks}).encode() + b"\n")
            self.report = await asyncio.wait_for(answer, _LOOK_SECONDS)
        except (TimeoutError, Unavailable):
            return
        finally:
            self._answers.pop(self._looks, None)

    async def _start(self, *, is_reset: bool) -> None:
        async with self._starting:
            if self.state is not State.RESETTING:
                self.state = State.STARTING
            process = await self._launch()
            ready: asyncio.Future[int] = asyncio.get_running_loop().create_future()
            reading = asyncio.create_task(self._read(process, ready))
            assert process.stdin is not None  # noqa: S101 - a pipe
            process.stdin.write(json.dumps(asdict(replace(self._order(), reset=is_reset))).encode() + b"\n")
            try:
                port = await asyncio.wait_for(ready, _START_SECONDS)
            except BaseException as error:
                await _end(process, 0)
                await reading
                self.state = State.DIED
                self.problem = str(error) or f"its cloud did not start in {_START_SECONDS:g} s"
                if isinstance(error, TimeoutError):
                    raise FailedPrecondition(self.problem) from None
                raise
        self._process, self.state = process, State.RUNNING
        self._on_ready(port)
        self._keeping = asyncio.create_task(self._keep(process, reading))

    async def _launch(self) -> asyncio.subprocess.Process:
        user = self.student.user
        output = os.open(self._log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            return await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-m", _MODULE),
                env=self._environ,
                cwd="/",
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=output,
                limit=_LONGEST_LINE,
                start_new_session=True,
                user=user and user.pw_uid,
                group=user and user.pw_gid,
                extra_groups=os.getgrouplist(user.pw_name, user.pw_gid) if user else None,
                umask=0o077,
            )
        finally:
            os.close(output)

    async def _read(self, process: asyncio.subprocess.Process, ready: "asyncio.Future[int]") -> None:
        """What the process says, until it ends."""
        assert process.stdout is not None  # noqa: S101 - a pipe
        try:
            while line := await process.stdout.readline():
                match json.loads(line):
                    case {"ready": {"port": int(port)}} if not ready.done():
                        ready.set_result(port)
                    case {"failed": str(why)} if not ready.done():
                        ready.set_exception(FailedPrecondition(why))
                    case {"look": int(number), "report": report} if number in self._answers:
                        self._answers.pop(number).set_result(read_report(report))
        except ValueError:  # a line that is too long, or no report: the student may have changed what runs as him
            process.kill()
        await process.wait()
        if not ready.done():
            ready.set_exception(FailedPrecondition(f"it ended with status {process.returncode}; see {self._log}"))
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(Unavailable("the cloud has ended"))

    async def _keep(self, process: asyncio.subprocess.Process, reading: "asyncio.Task[None]") -> None:
        """Start the cloud again when it dies, until it runs."""
        loop = asyncio.get_running_loop()
        started = loop.time()
        await reading
        self.state, self.problem = State.DIED, f"its cloud ended with status {process.returncode}"
        _kill_group(process)
        pause = 0.0 if loop.time() - started > _LONG_RUN else _FIRST_PAUSE
        while True:
            await asyncio.sleep(pause)
            pause = min(max(2 * pause, _FIRST_PAUSE), _LONGEST_PAUSE)
            self.restarts += 1
            with suppress(FailedPrecondition):  # it is in ``problem``
                await self._start(is_reset=False)
                return

    async def _stop(self) -> None:
        if self._keeping:
            self._keeping.cancel()
            await asyncio.gather(self._keeping, return_exceptions=True)
        if self._process:
            await _end(self._process, _END_SECONDS)
        self._process = self._keeping = None


async def _end(process: asyncio.subprocess.Process, patience: float) -> None:
    """End a process and its group: by the end of its stdin, then by force."""
    if process.stdin:
        process.stdin.close()
    with suppress(TimeoutError):
        await asyncio.wait_for(process.wait(), patience)
    if process.returncode is None:
        _kill_group(process)
        await process.wait()


def _kill_group(process: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
