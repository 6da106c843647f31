"""The command line of a class."""

import asyncio
import os
import signal
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cloud.classroom.limits import Machine, is_tight, job_limit
from cloud.classroom.students import Student, numbered, read_names
from cloud.cli.errors import clear_errors, warn
from cloud.errors import FailedPrecondition, InvalidArgument
from cloud.gateway.environ import CONFLICTING
from cloud.lab.notebooks import LANGUAGES, language_of
from cloud.server.announcement import Announcement, RunningCloud
from cloud.settings import LauncherKind, whole_environ

if TYPE_CHECKING:
    from cloud.classroom.classroom import Classroom

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_IDLE_SECONDS = 300


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--students", type=int, help="How many: student-01 and so on (alumno-01 in Spanish).")
@click.option(
    "--names",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File with a student's name on each line, and his user of this machine after a comma, if he has one.",
)
@click.option("--os-users", metavar="PREFIX", help="Each cloud runs as a user of its own: PREFIX01, PREFIX02 … (root)")
@click.option("--jobs", type=click.IntRange(1), help="Jobs that run at a time.  [default: as this machine can]")
@click.option(
    "--state",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("cloud-class"),
    show_default=True,
    help="Folder of the whole class, made if missing, and kept.",
)
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="The teacher's page.  [default: a free one]")
@click.option("--lang", type=click.Choice(list(LANGUAGES)), help="Of the chapters.  [default: this user's]")
def main(
    *,
    students: int | None,
    names: Path | None,
    os_users: str | None,
    jobs: int | None,
    state: Path,
    port: int,
    lang: str | None,
) -> None:
    """A class: the lab for each student, with a cloud of his own, on this machine, and a page for the teacher.

    It serves until Ctrl-C, and the work stays: the same command goes on with it.
    """
    with clear_errors():
        language = lang or language_of(whole_environ())
        if (students is None) == (names is None):
            raise InvalidArgument("give one of them: how many students, or their names", field="--students, --names")
        class_ = read_names(names, os_users or "") if names else numbered(students or 0, language, os_users or "")
        # Not in uvloop's loop, which starts no process as another user.
        sys.exit(asyncio.run(_serve(class_, jobs, state, port, language)))


async def _serve(students: list[Student], jobs: int | None, state: Path, port: int, language: str) -> int:
    from cloud.classroom.classroom import Classroom
    from cloud.classroom.teacher_pages import TeacherPages
    from cloud.console.server import ConsoleServer

    machine, received = Machine.this(), list[signal.Signals]()
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - asyncio made it

    def end(number: signal.Signals) -> None:
        received.append(number)
        task.cancel()  # the second time the clean-up: all processes of the class end by themselves

    for each in _SIGNALS:
        asyncio.get_running_loop().add_signal_handler(each, end, each)
    limit = jobs or job_limit(machine, len(students))
    if is_tight(machine, len(students)):
        warn(f"{machine.memory >> 20} MiB of memory are little for {len(students)} students: jobs may fail for it")
    environ = {name: value for name, value in whole_environ().items() if name not in CONFLICTING}
    environ = {"CLOUD_LAUNCHER": LauncherKind.COLD.value, "CLOUD_WORKER_IDLE_SECONDS": str(_IDLE_SECONDS)} | environ
    class_ = Classroom(students, state, jobs=limit, language=language, environ=environ)
    console = ConsoleServer(TeacherPages(class_).routes(), "class", port)
    started = time.monotonic()
    try:
        try:
            await console.start()  # first: the clouds take longer than to see that a port is taken
        except OSError as error:
            raise FailedPrecondition(f"port {port} cannot be used: {error.strerror}", field="--port") from None
        click.echo(f"starting {len(students)} cloud{'' if len(students) == 1 else 's'}")
        async with class_:
            running = RunningCloud(os.getpid(), "", {}, console.port, console.key)
            with closing(Announcement(running, class_.folder / "class", (), lambda _: None)):
                click.echo(_welcome(class_, console.address(), time.monotonic() - started))
                try:
                    await asyncio.Event().wait()
                finally:
                    click.echo("ending")
    except asyncio.CancelledError:
        if not received:
            raise
    finally:
        await console.close()
    return 128 + received[0] if received[0] != signal.SIGINT else 0


def _welcome(class_: "Classroom", address: str, seconds: float) -> str:
    jobs = "1 job runs" if class_.queue.limit == 1 else f"{class_.queue.limit} jobs run"
    users = "each as a user of its own" if class_.students[0].user else "all as your user: for a trusted class only"
    return "\n".join(
        [
            f"A class of {len(class_.students)}, started in {seconds:.0f} s, {users}",
            f"  {class_.folder}  the work of all, kept",
            f"  {jobs} at a time; the others wait in one queue",
            "The teacher's page, with the students' addresses to hand out (this address opens it once):",
            f"  {address}",
            f"  ({Path(sys.executable).name} -m cloud.serve console --state {class_.folder / 'class'} prints another)",
            "Ctrl-C ends it.",
        ]
    )
