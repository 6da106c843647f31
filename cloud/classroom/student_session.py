"""One student's session: his cloud, its console, his page, and JupyterLab once he asks for it."""

import asyncio
import gc
import json
import os
import signal
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from cloud.classroom.notebooks import Notebooks
from cloud.classroom.order import Order
from cloud.classroom.progress import Progress
from cloud.classroom.student_page import StudentPage
from cloud.cli.errors import warn
from cloud.cli.refusals import report_refusal
from cloud.errors import CloudError
from cloud.lab import notebooks as chapters
from cloud.lab.folder import LabFolder
from cloud.lab.pages import ChapterPages
from cloud.resources import Json
from cloud.server.announcement import Announcement, RunningCloud
from cloud.server.local import LocalCloud
from cloud.settings import ServiceAgents, Settings, user_runtime_folders


class Reports:
    """Lines for the class, on what is stdout when this is made. What else prints there goes to stderr from then on."""

    def __init__(self) -> None:
        self._file = os.fdopen(os.dup(1), "w")
        os.dup2(2, 1)

    def send(self, **report: Json) -> None:
        print(json.dumps(report), file=self._file, flush=True)


async def serve(reports: Reports) -> int:
    requests = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(requests), sys.stdin)
    try:
        order = Order(**json.loads(await requests.readline()))
        folder = LabFolder(Path(order.folder))
        if order.reset:
            await asyncio.to_thread(folder.reset)
        folder.create()
        await _serve(order, folder, requests, reports)
    except CloudError as error:
        reports.send(failed=str(error))
        return 1
    return 0


async def _serve(order: Order, folder: LabFolder, requests: asyncio.StreamReader, reports: Reports) -> None:
    work = folder.work(order.language)
    chapters.copy_missing(order.language, work)
    settings = replace(
        Settings.from_environ(), project=order.project, state_dir=folder.cloud, port=0, job_slots=Path(order.slots)
    )
    async with LocalCloud(
        settings, on_refusal=report_refusal, launcher_first=False, service_agents=ServiceAgents.BARE
    ) as cloud:
        environ = await cloud.owner_environ()
        gc.freeze()
        gc.enable()  # see ``student_process``
        console = await cloud.start_console(ChapterPages(environ, work).routes())
        notebooks = Notebooks(folder, order.language, environ)
        page = StudentPage(order.name, order.key, order.language, console.address, notebooks.address)
        running = RunningCloud(os.getpid(), cloud.url, environ, console.port, console.key)
        with closing(Announcement(running, cloud.state_dir, user_runtime_folders(), warn)):
            try:
                await page.start(order.port)
                progress = Progress(cloud.backend, environ, work)
                reports.send(ready={"port": page.port})
                await _answer(requests, reports, progress)
            finally:
                await page.close()
                await notebooks.close()


async def _answer(requests: asyncio.StreamReader, reports: Reports, progress: Progress) -> None:
    """Until the class ends, or a signal."""
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - asyncio made it
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)

    async def answer() -> None:
        while line := await requests.readline():
            reports.send(look=json.loads(line)["look"], report=(await progress.look()).to_json())

    waits = [asyncio.ensure_future(answer()), asyncio.ensure_future(ended.wait())]
    await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    for wait in waits:
        wait.cancel()
    for outcome in await asyncio.gather(*waits, return_exceptions=True):
        if isinstance(outcome, Exception):
            raise outcome
