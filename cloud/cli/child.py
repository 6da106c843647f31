"""Runs one command inside the cloud, with the terminal, signals and exit status it would have by itself."""

import asyncio
import errno
import os
import shutil
import signal
from collections.abc import Mapping, Sequence

NOT_EXECUTABLE, NOT_FOUND = 126, 127
"""Exit statuses of shells for a command that cannot be started."""

FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)


class ChildCommand:
    """A command.

    At a terminal it stays in this process's group, so that it receives Ctrl-C and may read. Otherwise it gets a session
    and process group of its own, so that the whole group can be killed with this process.
    """

    def __init__(self, argv: Sequence[str], environ: Mapping[str, str]) -> None:
        self._argv = tuple(argv)
        self._environ = dict(environ)
        self._at_terminal = _at_terminal()
        self._process: asyncio.subprocess.Process | None = None

    async def run(self) -> int:
        """Run it; returns its exit status as a shell does: 128 plus the signal's number if a signal ended it.

        Raises:
            OSError: it cannot be started.
        """
        self._check_program()
        watchdog = await start_watchdog()
        try:
            self._process = await self._start(watchdog)
            status = await _wait(self._process)
        finally:
            await watchdog.communicate(b"ended\n")
        return status if status >= 0 else 128 - status

    def forward(self, number: signal.Signals) -> None:
        """Forward a signal that this process received, unless the command received it as well."""
        sent_to_both = self._at_terminal and number in (signal.SIGINT, signal.SIGQUIT)
        if self._process is not None and self._process.returncode is None and not sent_to_both:
            self._process.send_signal(number)

    def _check_program(self) -> None:
        program = self._argv[0]
        if shutil.which(program, path=self._environ.get("PATH")) is None:
            number = errno.EACCES if os.path.exists(program) else errno.ENOENT
            raise OSError(number, os.strerror(number))

    async def _start(self, watchdog: asyncio.subprocess.Process) -> asyncio.subprocess.Process:
        # A shell waits until the watchdog knows its process id, then becomes the command (exec keeps the id).
        ready, go = os.pipe()
        try:
            process = await asyncio.create_subprocess_exec(
                *("/bin/sh", "-c", 'read -r line <"$0" && exec "$@"', f"/dev/fd/{ready}", *self._argv),
                env=self._environ,
                pass_fds=(ready,),
                start_new_session=not self._at_terminal,
            )
            assert watchdog.stdin is not None  # noqa: S101 - a pipe
            watchdog.stdin.write(f"{'' if self._at_terminal else '-'}{process.pid}\n".encode())
            await watchdog.stdin.drain()
            os.write(go, b"go\n")
        finally:
            os.close(ready)
            os.close(go)
        return process


async def _wait(process: asyncio.subprocess.Process) -> int:
    try:
        return await process.wait()
    except asyncio.CancelledError:
        process.kill()
        await process.wait()
        raise


async def start_watchdog() -> asyncio.subprocess.Process:
    """A process that kills a process, when this one dies: its id, or ``-`` and its group's, is written to its input. A
    second line ends it without that."""
    # It reads the command's id, and kills the command at end-of-file, which comes when this process dies, however it
    # dies. Another line first means that the command has ended, and its id may be another process's by now.
    # (PR_SET_PDEATHSIG exists only on Linux and covers only one process.)
    return await asyncio.create_subprocess_exec(
        *("/bin/sh", "-c", 'read -r pid && { read -r line || kill -9 "$pid"; }'),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )


def _at_terminal() -> bool:
    """Whether this process is in the foreground of a terminal."""
    try:
        terminal = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    finally:
        os.close(terminal)
