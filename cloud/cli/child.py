"""One command run inside the cloud, as if it had been started by itself: its terminal, its signals, its exit status."""

import asyncio
import errno
import os
import shutil
import signal
from collections.abc import Mapping, Sequence

NOT_EXECUTABLE, NOT_FOUND = 126, 127
"""Exit statuses of shells for a command that cannot be started."""

FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)


class Guest:
    """A command.

    At a terminal it stays in this process's group: there Ctrl-C reaches it by itself, and it may read. Elsewhere it
    gets a session and group of its own, so that all of it ends with us.
    """

    def __init__(self, argv: Sequence[str], environ: Mapping[str, str]) -> None:
        self._argv = tuple(argv)
        self._environ = dict(environ)
        self._at_terminal = _at_terminal()
        self._process: asyncio.subprocess.Process | None = None

    async def run(self) -> int:
        """Its exit status, as a shell gives it: 128 and the signal's number if one ended it.

        Raises:
            OSError: it cannot be started.
        """
        self._check_program()
        lifeline = await self._lifeline()
        try:
            self._process = await self._begin(lifeline)
            status = await self._ended(self._process)
        finally:
            await lifeline.communicate(b"over\n")
        return status if status >= 0 else 128 - status

    def forward(self, number: signal.Signals) -> None:
        """Hand on a signal that this process got, unless the command got it, too."""
        sent_to_both = self._at_terminal and number in (signal.SIGINT, signal.SIGQUIT)
        if self._process is not None and self._process.returncode is None and not sent_to_both:
            self._process.send_signal(number)

    def _check_program(self) -> None:
        program = self._argv[0]
        if shutil.which(program, path=self._environ.get("PATH")) is None:
            number = errno.EACCES if os.path.exists(program) else errno.ENOENT
            raise OSError(number, os.strerror(number))

    async def _begin(self, lifeline: asyncio.subprocess.Process) -> asyncio.subprocess.Process:
        # A shell holds its place, and becomes the command (exec keeps its number) when it is certain to end with us.
        ready, go = os.pipe()
        try:
            process = await asyncio.create_subprocess_exec(
                *("/bin/sh", "-c", 'read -r word <"$0" && exec "$@"', f"/dev/fd/{ready}", *self._argv),
                env=self._environ,
                pass_fds=(ready,),
                start_new_session=not self._at_terminal,
            )
            assert lifeline.stdin is not None  # noqa: S101 - asked for
            lifeline.stdin.write(f"{'' if self._at_terminal else '-'}{process.pid}\n".encode())
            await lifeline.stdin.drain()
            os.write(go, b"go\n")
        finally:
            os.close(ready)
            os.close(go)
        return process

    async def _ended(self, process: asyncio.subprocess.Process) -> int:
        try:
            return await process.wait()
        except asyncio.CancelledError:
            process.kill()
            await process.wait()
            raise

    async def _lifeline(self) -> asyncio.subprocess.Process:
        # It is told whom to kill, and then reads end-of-file when we die, however we die. A word first means that the
        # command has ended, and its number may be someone else's. (PR_SET_PDEATHSIG is Linux's, and for one process.)
        return await asyncio.create_subprocess_exec(
            *("/bin/sh", "-c", 'read -r whom && { read -r word || kill -9 "$whom"; }'),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )


def _at_terminal() -> bool:
    """Whether what is typed at a terminal reaches this process."""
    try:
        terminal = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    finally:
        os.close(terminal)
