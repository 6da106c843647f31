"""``python -m cloud.run``: take a model through the whole workflow, from bucket to prediction, and clean up."""

import asyncio
import os
import secrets
import signal
import sys
import time
from asyncio.subprocess import PIPE, STDOUT
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.markup import escape

from cloud.backends.base import Backend
from cloud.cli import options
from cloud.errors import CloudError, FailedPrecondition, InvalidArgument, Unimplemented
from cloud.names import check_bucket, check_module, check_project
from cloud.server.local import LocalCloud
from cloud.settings import IamMode, LauncherKind, RequirementsMode, RuntimeMode, Settings
from cloud.workflow import taxifare
from cloud.workflow.report import write_report
from cloud.workflow.steps import Plan, StepFailed, Workflow
from cloud.workflow.terminal import Terminal

if TYPE_CHECKING:
    from cloud.workflow.google.command import Command

SERVICES = ("vertex-ai", "ml-engine")
_SAMPLE_ROWS = 20_000
INTERRUPTED = 130
"""Exit status after Ctrl-C, as in shells."""


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.option("--backend", type=click.Choice(["local", "gcp"]), default="local", help="Which cloud.")
@click.option("--project", help="Project id.  [default: $CLOUD_PROJECT or local-project]")
@click.option("--bucket", help="Bucket to use; created if it does not exist.  [default: PROJECT-ml]")
@click.option("--region", help="Region of bucket and job.  [default: $CLOUD_REGION or us-central1]")
@click.option(
    "--data-dir",
    type=click.Path(path_type=Path),
    help="Folder of data files to upload.  [default: sample data made for this run]",
)
@click.option("--train-steps", type=click.IntRange(min=1), help="For the taxi-fare trainer.  [default: its own]")
@click.option("--report", type=click.Path(path_type=Path, dir_okay=False), help="Write a JSON report here.")
@click.option("--keep", is_flag=True, help="Keep everything running at the end, and print how to use it.")
@click.option("--state", type=click.Path(path_type=Path, file_okay=False), help="Keep the local cloud's state here.")
@options.launcher
@click.option("--service", type=click.Choice(SERVICES), help=f"Google's service.  [default: {SERVICES[0]}] (gcp)")
@click.option("--image", help="Made from docker/serving.Dockerfile.  [default: Google's prebuilt one] (gcp)")
@click.option("--training-image", help="Made from docker/training.Dockerfile.  [default: likewise] (gcp)")
@click.option(
    "--service-account", help="Account that job and version run as.  [default: the service's own agent] (gcp)"
)
@click.option("--preflight", is_flag=True, help="Only check whether everything is ready. (gcp)")
@click.option(
    "--dry-run",
    is_flag=False,
    flag_value="curl",
    type=click.Choice(["curl", "json"]),
    help="Print every request that would be sent, and send none: --dry-run, --dry-run=json. (gcp)",
)
@options.iam
@options.runtime
@options.requirements
@click.option("--package-path", type=click.Path(path_type=Path), help="Your trainer: the folder with __init__.py.")
@click.option("--module", help="Your trainer's module, such as trainer.task.")
@click.argument("args", nargs=-1, type=click.UNPROCESSED)
def main(
    *,
    backend: str,
    project: str | None,
    bucket: str | None,
    region: str | None,
    data_dir: Path | None,
    train_steps: int | None,
    report: Path | None,
    keep: bool,
    state: Path | None,
    launcher: str | None,
    service: str | None,
    image: str | None,
    training_image: str | None,
    service_account: str | None,
    preflight: bool,
    dry_run: str | None,
    iam: str | None,
    runtime: str | None,
    requirements: str | None,
    package_path: Path | None,
    module: str | None,
    args: tuple[str, ...],
) -> None:
    """Take a TensorFlow model through the whole cloud workflow: bucket, grant, data, package, training job, logs,
    deployed version, predictions, clean-up.

    For your own trainer give --package-path and --module, and its arguments after "--"; in them {data} and {output}
    stand for the gs:// folders of the uploaded data and of the job's output.

    "python -m cloud.run cleanup" removes what a run on Google's cloud left behind after a crash.
    """
    console = Console()
    errors = Console(stderr=True)
    abandoned = False
    try:
        gcp_options = {
            "--service": service,
            "--image": image,
            "--training-image": training_image,
            "--service-account": service_account,
            "--preflight": preflight,
            "--dry-run": dry_run,
        }
        local_options = {"--state": state, "--launcher": launcher, "--iam": iam, "--runtime": runtime}
        local_options["--requirements"] = requirements
        _check_backend(backend, project, gcp_options if backend == "local" else local_options)
        if dry_run and preflight:
            raise InvalidArgument(
                "sends requests to Google, which --dry-run does not: give one of the two", field="--preflight"
            )
        settings = _settings(
            project=project and check_project(project),
            region=region,
            state_dir=state,
            launcher=launcher and LauncherKind(launcher),
            iam=iam and IamMode(iam),
            runtime=runtime and RuntimeMode(runtime),
            requirements=requirements and RequirementsMode(requirements),
        )
        with TemporaryDirectory(prefix="taxi-data-") as scratch:
            sample = partial(_sample_names if dry_run else _sample_data, Path(scratch))
            plan = _plan(settings, bucket, data_dir, sample, train_steps, package_path, module, args)
            if report is not None:
                _check_writable(report)
            run = Run(plan, console, errors, report, keep=keep)
            if backend == "local":
                status = asyncio.run(run.locally(settings))
            else:
                # Imported here: a local run needs none of Google's client libraries.
                from cloud.workflow.google.command import Command
                from cloud.workflow.google.options import Options

                options = Options(
                    settings.project, settings.region, service or SERVICES[0], image, training_image, service_account
                )
                runner = asyncio.Runner()
                try:
                    status = runner.run(run.on_google(Command(options), dry_run=dry_run, preflight_only=preflight))
                finally:
                    if not (abandoned := run.abandoned):
                        runner.close()
    except CloudError as error:
        errors.print(f"[red]error:[/] {escape(str(error))}", highlight=False, soft_wrap=True)
        status = 2 if isinstance(error, (InvalidArgument, Unimplemented)) else 1
    except (KeyboardInterrupt, asyncio.CancelledError):
        errors.print("interrupted", highlight=False)
        status = INTERRUPTED
    if abandoned:
        # Threads may still wait for responses: do not wait for those threads.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
    sys.exit(status)


def _check_backend(backend: str, project: str | None, other_options: Mapping[str, object]) -> None:
    """Raises:
    InvalidArgument: an option is another backend's, or one is missing.
    """
    for name, value in other_options.items():
        if value:
            raise InvalidArgument(f"is not for --backend {backend}", field=name)
    if backend == "gcp" and not project:
        raise InvalidArgument("is missing: --backend gcp needs a project of yours", field="--project")


def _settings(**options: object) -> Settings:
    return replace(Settings.from_environ(), **{name: value for name, value in options.items() if value})  # type: ignore[arg-type]


def _plan(
    settings: Settings,
    bucket: str | None,
    data_dir: Path | None,
    sample: Callable[[], Awaitable[Path]],
    train_steps: int | None,
    package_path: Path | None,
    module: str | None,
    args: tuple[str, ...],
) -> Plan:
    is_custom = package_path is not None or module is not None
    if is_custom and (package_path is None or module is None):
        missing = "--module" if module is None else "--package-path"
        raise InvalidArgument("is missing: --package-path and --module go together", field=missing)
    check_module(module or taxifare.MODULE)
    if package_path is not None and module is not None:
        _check_package(Path(os.path.abspath(package_path)), module)
    if is_custom and train_steps is not None:
        raise InvalidArgument("is for the taxi-fare trainer: pass yours after --", field="--train-steps")
    if args and not is_custom:
        raise InvalidArgument(f"{args[0]!r}: arguments need --package-path and --module", field="ARGS")
    if data_dir is not None:
        _check_data_dir(data_dir, is_taxifare=not is_custom)
    # A module's name is a legal id but for a leading underscore.
    model = (module or "").partition(".")[0].lstrip("_") or taxifare.MODEL if is_custom else taxifare.MODEL
    return Plan(
        bucket=check_bucket(bucket or f"{settings.project}-ml"),
        data=sample if data_dir is None else partial(_existing, data_dir),
        package_path=package_path or taxifare.package_path(),
        module=module or taxifare.MODULE,
        args=args if is_custom else taxifare.trainer_arguments(train_steps),
        job_id=f"{model}_{datetime.now(UTC):%y%m%d_%H%M%S}_{secrets.token_hex(2)}",
        model=model,
        is_taxifare=not is_custom,
    )


def _check_data_dir(folder: Path, *, is_taxifare: bool) -> None:
    if not folder.is_dir():
        raise InvalidArgument(f"no such folder: {folder}", field="--data-dir")
    if not any(path.is_file() for path in folder.rglob("*")):
        raise InvalidArgument(f"the folder is empty: {folder}", field="--data-dir")
    if is_taxifare:
        taxifare.check_data(folder)


def _check_package(folder: Path, module: str) -> None:
    if not (folder / "__init__.py").is_file():
        raise InvalidArgument(f"{folder} is no package: it has no __init__.py", field="--package-path")
    if (folder.parent / "setup.py").is_file():
        return  # setup.py decides what is packed
    modules = {f"{folder.name}.{file.stem}" for file in folder.glob("*.py")}
    if modules.isdisjoint((module, f"{module}.__main__")):
        hint = "without a setup.py next to it, a package is packed with its own .py files and no subpackages"
        raise InvalidArgument(f"there is no {module} in {folder}; {hint}", field="--module")


def _check_writable(report: Path) -> None:
    try:
        report.touch()
    except OSError as error:
        raise InvalidArgument(f"{report}: {error.strerror}", field="--report") from None


async def _existing(folder: Path) -> Path:
    return folder


async def _sample_data(folder: Path) -> Path:
    command = (sys.executable, "-m", "trainer.sample_data", "--rows", str(_SAMPLE_ROWS), "--seed", "1", str(folder))
    folder_of_trainer = taxifare.package_path().parent
    process = await asyncio.create_subprocess_exec(*command, stdout=PIPE, stderr=STDOUT, cwd=folder_of_trainer)
    output, _ = await process.communicate()
    if process.returncode != 0:
        raise FailedPrecondition(f"sample data could not be made: {output.decode(errors='replace').strip()[-500:]}")
    return folder


async def _sample_names(folder: Path) -> Path:
    """For a dry run, which uploads nothing: files of the right names, with a row each."""
    for name in ("taxi-train.csv", "taxi-valid.csv"):
        (folder / name).write_text("10.5,-73.98,40.75,-73.97,40.76,1,0\n")
    return folder


class Run:
    """One run, local or on Google's cloud; methods return the exit status."""

    def __init__(self, plan: Plan, console: Console, errors: Console, report_file: Path | None, *, keep: bool) -> None:
        self._plan, self._console, self._errors = plan, console, errors
        self._terminal = Terminal(console)
        self._report_file, self._keep = report_file, keep
        self.abandoned = False
        """It was interrupted twice: threads may still wait for responses."""

    async def locally(self, settings: Settings) -> int:
        this_task = asyncio.current_task()
        assert this_task is not None  # noqa: S101 - asyncio.run made it
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, this_task.cancel)
        async with LocalCloud(settings) as cloud:
            workflow = Workflow(cloud.backend, self._plan, self._terminal)
            try:
                status = await self._run_workflow(workflow, cloud.backend)
            finally:
                self._print_leftovers(workflow)
            if cloud.refusals:
                hosts = ", ".join(f"{refusal.host}:{refusal.port}" for refusal in cloud.refusals)
                self._console.print(
                    f"The job tried to reach the internet and was refused: {hosts}", highlight=False, soft_wrap=True
                )
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
        workflow = Workflow(backend, self._plan, self._terminal)

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
  {sys.executable} -m tensorboard.main --load_fast=false --logdir {workflow.output}
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


def run() -> None:
    """Run the ``cleanup`` subcommand or the workflow, by the command line."""
    if sys.argv[1:2] == ["cleanup"]:
        # Imported here: a local run needs none of Google's client libraries.
        from cloud.workflow.google.command import cleanup

        cleanup(sys.argv[2:], "python -m cloud.run cleanup")
    main()
