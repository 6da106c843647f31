"""Whole runs of ``cloud.run --backend gcp`` through ``QuickGoogle``, in this process."""

import asyncio
import io
import os
import secrets
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
from rich.console import Console

from cloud.backends import packaging
from cloud.cli.run_workflow import Run
from cloud.testing.contract.probes import trainer
from cloud.workflow import taxifare
from cloud.workflow.google.command import Command, clean_up
from cloud.workflow.google.model_check import Check
from cloud.workflow.plan import Plan
from integration.quick_google import QuickGoogle

BUCKET = "quick-ml"


async def _return_folder(folder: Path) -> Path:
    return folder


async def _unchecked(_: Path) -> str:
    return "not checked"


class _Output(io.StringIO):
    def __init__(self) -> None:
        super().__init__()
        self.interrupted = asyncio.Event()

    def write(self, text: str) -> int:
        if "interrupted: removing what was made" in text:
            self.interrupted.set()
        return super().write(text)


@dataclass
class GoogleRun:
    """One run of the workflow.

    Args:
        folder: from ``prepared``, with data and a package.
        check_model: of the exported model, which is an empty file.
    """

    google: QuickGoogle
    service: str
    folder: Path
    check_model: Check = _unchecked

    def __post_init__(self) -> None:
        self.name = f"run_{secrets.token_hex(4)}"
        self._console_output = _Output()
        console = Console(file=self._console_output, width=300)
        plan = Plan(
            bucket=BUCKET,
            data=partial(_return_folder, self.folder / "data"),
            package_path=self.folder / "probe",
            module="probe.task",
            args=(),
            job_id=self.name,
            model="probe",
            instances=taxifare.TEST_INSTANCES,
        )
        self.workflow = Run(plan, console, console, (), keep=False)
        self.options = self.google.options(self.service)

    async def execute(self, *, preflight_only: bool = False) -> int:
        """Run to the end; returns the exit status."""
        return await self.workflow.on_google(
            Command(self.options, self.check_model), dry_run=None, preflight_only=preflight_only
        )

    @property
    def output(self) -> str:
        return self._console_output.getvalue()

    async def interrupt(self) -> None:
        """Send the first Ctrl-C."""
        os.kill(os.getpid(), signal.SIGINT)
        await asyncio.wait_for(self._console_output.interrupted.wait(), 10)

    async def clean_up(self) -> str:
        """The output of ``cloud.run cleanup`` for this run."""
        output = io.StringIO()
        await clean_up(self.options, self.name, BUCKET, Console(file=output, width=300))
        return output.getvalue()


@contextmanager
def prepared(folder: Path) -> Iterator[Path]:
    """Data and a trainer in ``folder``; packaging, which takes a second each time, is skipped."""
    (folder / "data").mkdir()
    (folder / "data" / "x").write_text("1")
    trainer(folder, "print('never run')")

    archive = folder / "probe-0.0.0.tar.gz"
    archive.touch()

    @asynccontextmanager
    async def ready(_: Path) -> AsyncIterator[Path]:
        yield archive

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(packaging, "sdist", ready)
        yield folder
