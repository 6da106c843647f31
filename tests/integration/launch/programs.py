"""Programs for the launcher to start, and queries about processes."""

import asyncio
import os
import select
import sys
import textwrap
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from cloud.engine.launch.client import Command, ExitStatus, Interpreter, Launcher, OutputLine
from cloud.settings import LauncherKind

ENVIRON = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "SPACED": " a=b\tü "}
KINDS = [LauncherKind.COLD, *([LauncherKind.WARM] if sys.platform == "linux" else [])]
PRELOADED = Interpreter(preload=("json", "colorsys", "tempfile", "multiprocessing.pool"))
linux_only = pytest.mark.skipif(sys.platform != "linux", reason="process trees can only be followed on Linux")


class Programs:
    """Writes modules to a folder, makes commands that run them, and collects their output."""

    def __init__(self, folder: Path, interpreter: Interpreter = PRELOADED) -> None:
        self.folder = folder
        self.interpreter = interpreter
        self.lines: list[OutputLine] = []

    def write(self, source: str, module: str = "program") -> str:
        path = self.folder / (module.replace(".", "/") + ".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(source))
        return module

    def command(self, source: str, *argv: str, **environ: str) -> Command:
        return Command(self.write(source), argv, {**ENVIRON, **environ}, self.folder, (self.folder,), self.interpreter)

    def text(self, stream: str = "stdout") -> str:
        return "\n".join(line.text for line in self.lines if line.stream == stream)

    async def wait_for(self, text: str) -> None:
        """Wait until the standard output holds ``text``."""
        async with asyncio.timeout(20):
            while text not in self.text():
                self._received = asyncio.Event()
                await self._received.wait()

    def on_output(self, line: OutputLine) -> None:
        self.lines.append(line)
        with suppress(AttributeError):
            self._received.set()


async def run(launcher: Launcher, command: Command, on_output: Callable[[OutputLine], None]) -> ExitStatus:
    async with asyncio.timeout(100):
        return await (await launcher.launch(command, on_output)).wait()


async def until_gone(pids: list[int], act: Callable[[], None] = lambda: None) -> None:
    """Call ``act``, then wait until all processes of ``pids`` have ended."""
    handles = []
    for pid in pids:
        with suppress(ProcessLookupError):
            handles.append(os.pidfd_open(pid))
    act()
    for handle in handles:
        readable, _, _ = await asyncio.to_thread(select.select, [handle], [], [], 20)
        os.close(handle)
        assert readable, f"one of {pids} still runs"


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def descendants(ancestor: int) -> list[int]:
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(FileNotFoundError, ProcessLookupError):
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
    found = [ancestor]
    for pid in found:
        found.extend(child for child, parent in parents.items() if parent == pid)
    return found[1:]


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
