"""``Run``: one run of the workflow for ``cloud.run``, shown at a terminal."""

import asyncio
import signal
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape

from cloud.backends.base import Backend
from cloud.cli import browser
from cloud.cli.refusals import tally
from cloud.errors import CloudError
from cloud.server.local import LocalCloud
from cloud.settings import ServiceAgents, Settings
from cloud.workflow.curves import Curves, read_curves
from cloud.workflow.plan import Plan
from cloud.workflow.report import write_report
from cloud.workflow.report_page import write_page
from cloud.workflow.steps import StepFailed, Workflow
from cloud.workflow.terminal import Terminal

if TYPE_CHECKING:
    from cloud.workflow.google.command import Command

INTERRUPTED = 130
"""Exit status after Ctrl-C, as in shells."""


class Run:
    """One run, local or on Google's cloud; methods return the exit status."""

    def __init__(
        self,
        plan: Plan,
        console: Console,
        errors: Console,
        report_files: Sequence[Path],
        *,
        keep: bool,
        opens_console: bool = False,
    ) -> None:
        self._plan, self._console, self._errors = plan, console, errors
        self._terminal = Terminal(console, are_fares=plan.is_taxifare)
        self._report_files, self._keep, self._opens_console = report_files, keep, opens_console
        self.abandoned = False
        """It was interrupted twice: threads may still wait for responses."""

    async def locally(self, settings: Settings) -> int:
        this_task = asyncio.current_task()
        assert this_task is not None  # noqa: S101 - asyncio.run made it
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, this_task.cancel)
        async with LocalCloud(settings, service_agents=ServiceAgents.BARE) as cloud:
            for notice in (await cloud.notices()).lines:
                self._console.print(escape(notice), highlight=False, soft_wrap=True)
            workflow = Workflow(cloud.backend, self._plan, self._terminal)
            if self._opens_console:
                address = (await cloud.start_console()).address()
                is_open = browser.open_address(address, cloud.state_dir)
                self._console.print(f"The console: {'in your browser' if is_open else address}", highlight=False)
            try:
                status = await self._run_workflow(workflow, cloud.backend)
            finally:
                self._print_leftovers(workflow)
            if in_vain := tally(cloud.refusals):
                self._console.print(escape(in_vain), highlight=False, soft_wrap=True)
            for violation in cloud.violations:
                self._console.print(f"Not allowed: {escape(violation)}", highlight=False, soft_wrap=True)
            if workflow.keep:
                await _stay_up(cloud, workflow, self._plan, self._console)
        return status

    async def on_google(self, command: "Command", *, dry_run: str | None, preflight_only: bool) -> int:
        from cloud.workflow.google.interrupts import Abandoned, Interruptible

        if dry_run is not None:
            return await command.dry_run(self._plan, dry_run)
        ready = await command.check(self._plan, self._console)
        if preflight_only or not ready:
            return 0 if ready else 1
        command.announce(self._plan, self._console)
        backend = command.open(self._plan)
        workflow = Workflow(backend, self._plan, self._terminal, partial(command.check_export, backend))

        async def run() -> int:
            async with backend:
                return await self._run_workflow(workflow, backend)

        interruptible = Interruptible(lambda: workflow.is_cleaning_up, self._print_interrupted)
        try:
            status = await interruptible.run(run())
        except Abandoned:
            self.abandoned = True
        finally:
            self._print_leftovers(workflow, command.cleanup(self._plan))
        if workflow.keep:
            self._console.print(
                f"Everything is still up and is billed. This removes it:\n  {command.cleanup(self._plan)}",
                highlight=False,
                soft_wrap=True,
            )
        return INTERRUPTED if interruptible.count else status

    async def _curves(self, workflow: Workflow, backend: Backend) -> Curves:
        """For a page; none if there is no output, or it cannot be read: the report says of the run what there is."""
        if workflow.report.job is None or not any(map(is_page, self._report_files)):
            return {}
        try:
            return await read_curves(backend, workflow.output)
        except CloudError as error:
            self._errors.print(f"No curves in the report: {escape(str(error))}", highlight=False, soft_wrap=True)
            return {}

    def _print_interrupted(self) -> None:
        self._errors.print("interrupted: removing what was made; interrupt again to leave it", highlight=False)

    def _print_leftovers(self, workflow: Workflow, cleanup: str = "") -> None:
        if not workflow.left or workflow.keep:
            return
        self._errors.print(f"Left behind: {escape('; '.join(workflow.left))}", highlight=False, soft_wrap=True)
        if cleanup:
            self._errors.print(f"This removes it:\n  {cleanup}", highlight=False, soft_wrap=True)

    async def _run_workflow(self, workflow: Workflow, backend: Backend) -> int:
        began, status, error = time.monotonic(), 0, None
        curves: Curves = {}
        try:
            with self._terminal:
                async with workflow:
                    try:
                        await workflow.run()
                        workflow.keep = self._keep
                    finally:  # before everything is removed
                        curves = await self._curves(workflow, backend)
        except StepFailed as failed:
            status, error = 1, {"step": failed.step, "message": str(failed)}
            where = f"[red]{escape(failed.step)} failed:[/]"
            self._errors.print(f"{where} {escape(str(failed))}", highlight=False, soft_wrap=True)
            self._errors.print(f"What to do: {escape(failed.advice)}", highlight=False, soft_wrap=True)
        except asyncio.CancelledError:
            error = {"step": workflow.report.steps[-1].name if workflow.report.steps else "", "message": "interrupted"}
            raise
        finally:
            seconds = time.monotonic() - began
            self._terminal.summary(workflow.report)
            for path in self._report_files:
                if is_page(path):
                    write_page(path, backend, self._plan, workflow.report, curves, seconds, error)
                else:
                    write_report(path, backend, self._plan, workflow.report, seconds, error)
        self._console.print(f"[bold]{'Done' if not status else 'Stopped'}[/] in {seconds:.1f} s", highlight=False)
        return status


def is_page(path: Path) -> bool:
    """Whether a report is a page, by its name; else it is JSON."""
    return path.suffix.lower() in (".html", ".htm")


async def _stay_up(cloud: LocalCloud, workflow: Workflow, plan: Plan, console: Console) -> None:
    environment = await cloud.write_environment()
    console.print(
        f"""
Everything is still up. In another terminal:
  . {environment}
  {sys.executable} -m tensorboard.main --logdir {workflow.output}
  {sys.executable} -m cloud.local_predict --model-dir EXPORT --json-instances FILE   # EXPORT: {_export(workflow)}
The job's log: {cloud.log_file(plan.job_id)}
Ctrl-C ends it.""",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        console.print("ending", highlight=False)


def _export(workflow: Workflow) -> str:
    return str(workflow.report.version.spec.deployment_uri) if workflow.report.version else ""
