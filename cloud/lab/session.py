"""One run of the lab: a cloud, JupyterLab beside it, and their end."""

import asyncio
import gc
import os
import signal
import socket
from contextlib import closing
from typing import TYPE_CHECKING

import click

from cloud.cli import browser
from cloud.cli.errors import warn
from cloud.cli.refusals import report_refusal
from cloud.gateway.environ import CONFLICTING
from cloud.lab import notebooks
from cloud.lab.jupyter import JupyterServer
from cloud.lab.pages import ChapterPages
from cloud.server.announcement import Announcement, RunningCloud
from cloud.server.local import LocalCloud
from cloud.settings import ServiceAgents, Settings, user_runtime_folders, whole_environ

if TYPE_CHECKING:
    from cloud.lab.folder import LabFolder

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Session:
    """A lab to run.

    Args:
        settings: of its cloud; the state folder is ``folder.cloud``.
        held_port: JupyterLab's, see ``hold_port``.
    """

    def __init__(
        self, folder: "LabFolder", settings: Settings, *, language: str, held_port: socket.socket, opens_browser: bool
    ) -> None:
        self._folder, self._settings, self._opens_browser = folder, settings, opens_browser
        self._root = folder.work(language)
        self._language = language
        self._jupyter = JupyterServer(
            folder.jupyter, root=self._root, language=language, first=notebooks.names(language)[0], held=held_port
        )
        self._is_up = False
        self._ended_by = asyncio.Event()
        self._signal = signal.SIGINT

    async def run(self) -> int:
        """Until a signal, or until JupyterLab ends; returns the exit status.

        Raises:
            FailedPrecondition: the cloud or JupyterLab cannot be started, or JupyterLab ended by itself.
        """
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - asyncio.run made it
        for number in _SIGNALS:
            asyncio.get_running_loop().add_signal_handler(number, self._handle_signal, number, task)
        try:
            return await self._run()
        except asyncio.CancelledError:
            if not self._ended_by.is_set():
                raise
            return 128 + self._signal

    def _handle_signal(self, number: signal.Signals, task: "asyncio.Task[int]") -> None:
        if self._ended_by.is_set() or not self._is_up:  # a second one cancels the clean-up
            task.cancel()
        self._signal = number
        self._ended_by.set()

    async def _run(self) -> int:
        async with LocalCloud(
            self._settings, on_refusal=report_refusal, launcher_first=False, service_agents=ServiceAgents.BARE
        ) as cloud:
            environ = await cloud.owner_environ()
            gc.freeze()
            gc.enable()  # see cloud/lab/__main__.py
            console = await cloud.start_console(ChapterPages(environ, self._root).routes())
            running = RunningCloud(os.getpid(), cloud.url, environ, console.port, console.key)
            with closing(Announcement(running, cloud.state_dir, user_runtime_folders(), warn)):
                notebooks.copy_missing(self._language, self._root)
                inherited = {name: value for name, value in whole_environ().items() if name not in CONFLICTING}
                try:
                    await self._jupyter.start(inherited | environ)
                    await self._tell((await cloud.notices()).unexpected)
                    return await self._wait()
                finally:
                    await self._jupyter.close()

    async def _tell(self, notices: tuple[str, ...]) -> None:
        address = self._jupyter.address
        lines = [
            f"The lab: project {self._settings.project}, {self._settings.region}",
            f"  {self._root}  your work, kept",
            *notices,
            "Open this address in a browser:",
            f"  {address}",
            "Ctrl-C ends it.",
        ]
        click.echo("\n".join(lines))
        # In a thread: some browsers are waited for.
        if self._opens_browser and not await asyncio.to_thread(browser.open_address, address, self._folder.jupyter):
            click.echo("No browser was found on this machine: open the address above in one.")

    async def _wait(self) -> int:
        self._is_up = True
        waits = [asyncio.ensure_future(self._jupyter.wait()), asyncio.ensure_future(self._ended_by.wait())]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        if self._ended_by.is_set():
            click.echo("ending")
            return 0
        if status := waits[0].result():
            raise self._jupyter.ended_early(int(status))
        click.echo("JupyterLab was shut down: ending")
        return 0
