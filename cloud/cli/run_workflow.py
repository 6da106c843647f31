"""``Run``: one run of the workflow for ``cloud.run``, shown at a terminal."""

import asyncio
import signal
import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape

from cloud.backends.base import Backend
from cloud.cli.refusals import tally
from cloud.server.local import LocalCloud
from cloud.settings import ServiceAgents, Settings
from cloud.workflow.plan import Plan
from cloud.workflow.report import write_report
from cloud.workflow.steps import StepFailed, Workflow
from cloud.workflow.terminal import Terminal

if TYPE_CHECKING:
    from cloud.workflow.google.command import Command

INTERRUPTED = 130
"""Exit status after Ctrl-C, as in shells."""


class Run:
    """One run, local or on Google's cloud; methods return the exit status."""

    def __init__(self, plan: Plan, console: Console, errors: Console, report_file: Path | None, *, keep: bool) -> None:
        self._plan, self._console, self._errors = plan, console, errors
        self._terminal = Terminal(console, are_fares=plan.is_taxifare)
        self._report_file, self._keep = report_file, keep
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
        try:
            with self._terminal:
                async with workflow:
                    await workflow.run()
                    workflow.keep = self._keep
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
            if self._report_file is not None:
                write_report(self._report_file, backend, self._plan, workflow.report, seconds, error)
        self._console.print(f"[bold]{'Done' if not status else 'Stopped'}[/] in {seconds:.1f} s", highlight=False)
        return status


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
