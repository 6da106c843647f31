"""``python -m cloud.run``: take a model through the whole workflow, from bucket to prediction, and clean up."""

import asyncio
import secrets
import signal
import sys
import time
from asyncio.subprocess import PIPE, STDOUT
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import click
from rich.console import Console
from rich.markup import escape

from cloud import taxifare
from cloud.errors import CloudError, FailedPrecondition, InvalidArgument, Unimplemented
from cloud.names import check_bucket, check_module, check_project
from cloud.report import write_report
from cloud.serve import LocalCloud
from cloud.settings import IamMode, LauncherKind, RuntimeMode, Settings
from cloud.terminal import Terminal
from cloud.workflow import Plan, StepFailed, Workflow

_SAMPLE_ROWS = 20_000
INTERRUPTED = 130
"""Exit status after Ctrl-C, as shells have it."""


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.option("--backend", type=click.Choice(["local", "gcp"]), default="local", help="Which cloud.")
@click.option("--project", help="Project id.  [default: $CLOUD_PROJECT or local-project]")
@click.option("--bucket", help="Bucket to use; made if it does not exist.  [default: PROJECT-ml]")
@click.option("--region", help="Where bucket and job are.  [default: $CLOUD_REGION or us-central1]")
@click.option(
    "--data-dir",
    type=click.Path(path_type=Path),
    help="Folder of data files to upload.  [default: sample data made for this run]",
)
@click.option("--train-steps", type=click.IntRange(min=1), help="For the taxi-fare trainer.  [default: its own]")
@click.option("--report", type=click.Path(path_type=Path, dir_okay=False), help="Write a JSON report here.")
@click.option("--keep", is_flag=True, help="Leave everything up at the end, and say how to look at it.")
@click.option("--state", type=click.Path(path_type=Path, file_okay=False), help="Keep the local cloud's state here.")
@click.option("--launcher", type=click.Choice([kind.value for kind in LauncherKind]), help="How replicas are started.")
@click.option("--iam", type=click.Choice([mode.value for mode in IamMode]), help="Access control of buckets.")
@click.option("--runtime", type=click.Choice([mode.value for mode in RuntimeMode]), help="Runtime versions there are.")
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
    iam: str | None,
    runtime: str | None,
    package_path: Path | None,
    module: str | None,
    args: tuple[str, ...],
) -> None:
    """Take a TensorFlow model through the whole cloud workflow: bucket, grant, data, package, training job, logs,
    deployed version, predictions, clean-up.

    For your own trainer give --package-path and --module, and its arguments after "--"; in them {data} and {output}
    stand for the gs:// folders of the uploaded data and of the job's output.
    """
    console = Console()
    errors = Console(stderr=True)
    try:
        if backend == "gcp":
            raise Unimplemented("--backend gcp is not there yet: use --backend local")
        settings = _settings(
            project=project and check_project(project),
            region=region,
            state_dir=state,
            launcher=launcher and LauncherKind(launcher),
            iam=iam and IamMode(iam),
            runtime=runtime and RuntimeMode(runtime),
        )
        with TemporaryDirectory(prefix="taxi-data-") as scratch:
            plan = _plan(settings, bucket, data_dir, Path(scratch), train_steps, package_path, module, args)
            if report is not None:
                _check_writable(report)
            status = asyncio.run(_run(settings, plan, console, errors, report, keep=keep))
    except CloudError as error:
        errors.print(f"[red]error:[/] {escape(str(error))}", highlight=False, soft_wrap=True)
        status = 2 if isinstance(error, (InvalidArgument, Unimplemented)) else 1
    except (KeyboardInterrupt, asyncio.CancelledError):
        errors.print("interrupted", highlight=False)
        status = INTERRUPTED
    sys.exit(status)


def _settings(**given: object) -> Settings:
    return replace(Settings.from_environ(), **{name: value for name, value in given.items() if value})  # type: ignore[arg-type]


def _plan(
    settings: Settings,
    bucket: str | None,
    data_dir: Path | None,
    scratch: Path,
    train_steps: int | None,
    package_path: Path | None,
    module: str | None,
    args: tuple[str, ...],
) -> Plan:
    own = package_path is not None or module is not None
    if own and (package_path is None or module is None):
        raise InvalidArgument("--package-path and --module go together", field="--package-path")
    if own and train_steps is not None:
        raise InvalidArgument("--train-steps is for the taxi-fare trainer: pass yours after --", field="--train-steps")
    if args and not own:
        raise InvalidArgument(f"{args[0]!r}: arguments need --package-path and --module", field="ARGS")
    if data_dir is not None:
        _check_data_dir(data_dir, is_the_labs=not own)
    # A module's name is a legal id but for a leading underscore.
    model = (module or "").partition(".")[0].lstrip("_") or taxifare.MODEL if own else taxifare.MODEL
    return Plan(
        bucket=check_bucket(bucket or f"{settings.project}-ml"),
        data=partial(_sample_data, scratch) if data_dir is None else partial(_given, data_dir),
        package_path=package_path or taxifare.package_path(),
        module=check_module(module or taxifare.MODULE),
        args=args if own else taxifare.trainer_arguments(train_steps),
        job_id=f"{model}_{datetime.now(UTC):%y%m%d_%H%M%S}_{secrets.token_hex(2)}",
        model=model,
        is_the_labs=not own,
    )


def _check_data_dir(folder: Path, *, is_the_labs: bool) -> None:
    if not folder.is_dir():
        raise InvalidArgument(f"no such folder: {folder}", field="--data-dir")
    if not any(path.is_file() for path in folder.rglob("*")):
        raise InvalidArgument(f"the folder is empty: {folder}", field="--data-dir")
    if is_the_labs:
        taxifare.check_data(folder)


def _check_writable(report: Path) -> None:
    try:
        report.touch()
    except OSError as error:
        raise InvalidArgument(f"{report}: {error.strerror}", field="--report") from None


async def _given(folder: Path) -> Path:
    return folder


async def _sample_data(folder: Path) -> Path:
    command = (sys.executable, "-m", "trainer.sample_data", "--rows", str(_SAMPLE_ROWS), "--seed", "1", str(folder))
    process = await asyncio.create_subprocess_exec(*command, stdout=PIPE, stderr=STDOUT)
    said, _ = await process.communicate()
    if process.returncode != 0:
        raise FailedPrecondition(f"sample data could not be made: {said.decode(errors='replace').strip()[-500:]}")
    return folder


async def _run(
    settings: Settings, plan: Plan, console: Console, errors: Console, report_file: Path | None, *, keep: bool
) -> int:
    began, status, error = time.monotonic(), 0, None
    this_task = asyncio.current_task()
    assert this_task is not None  # noqa: S101 - asyncio.run made it
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, this_task.cancel)
    async with LocalCloud(settings) as cloud:
        workflow = Workflow(cloud.backend, plan, terminal := Terminal(console))
        try:
            with terminal:
                async with workflow:
                    await workflow.run()
                    workflow.keep = keep
        except StepFailed as failed:
            status, error = 1, {"step": failed.step, "message": str(failed)}
            errors.print(
                f"[red]{escape(failed.step)} failed:[/] {escape(str(failed))}", highlight=False, soft_wrap=True
            )
            errors.print(f"What to do: {escape(failed.advice)}", highlight=False, soft_wrap=True)
        except asyncio.CancelledError:
            error = {"step": workflow.report.steps[-1].name if workflow.report.steps else "", "message": "interrupted"}
            raise
        finally:
            seconds = time.monotonic() - began
            terminal.summary(workflow.report)
            if report_file is not None:
                write_report(report_file, cloud.backend, plan, workflow.report, seconds, error)
        console.print(f"[bold]{'Done' if not status else 'Stopped'}[/] in {seconds:.1f} s", highlight=False)
        if cloud.refusals:
            console.print(f"The job tried to reach the internet and was refused: {cloud.refusals}", highlight=False)
        for lapse in cloud.lapses:
            console.print(f"Not allowed: {escape(lapse)}", highlight=False, soft_wrap=True)
        if workflow.keep:
            await _stay_up(cloud, workflow, plan, console)
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


if __name__ == "__main__":
    main()
