"""``python -m cloud.run``: take a model through the whole workflow, from bucket to prediction, and clean up."""

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, STDOUT
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.markup import escape

from cloud.cli import options
from cloud.cli.run_workflow import INTERRUPTED, Run
from cloud.errors import CloudError, FailedPrecondition, InvalidArgument, Unimplemented
from cloud.folders.temporary import Kind, temporary_folder
from cloud.names import check_bucket, check_project
from cloud.resources import ScaleTier
from cloud.settings import (
    ConfineMode,
    GpuQuota,
    IamMode,
    LauncherKind,
    RequirementsMode,
    RuntimeMode,
    ServiceAgents,
    Settings,
)
from cloud.workflow import taxifare
from cloud.workflow.instances import read_instances_file
from cloud.workflow.plan import Plan, new_job_id, trainer_plan
from cloud.workflow.variables import parse_variables

if TYPE_CHECKING:
    pass

SERVICES = ("vertex-ai", "ml-engine")
_SAMPLE_ROWS = 20_000
_SCALE_TIERS = tuple(tier.value for tier in ScaleTier if tier not in (ScaleTier.BASIC_TPU, ScaleTier.CUSTOM))


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
@click.option(
    "--rows",
    type=click.IntRange(min=1),
    help=f"Of the sample data to train on; a fifth more is to evaluate on.  [default: {_SAMPLE_ROWS:,}]",
)
@click.option("--train-steps", type=click.IntRange(min=1), help="For the taxi-fare trainer.  [default: its own]")
@click.option(
    "--scale-tier",
    type=click.Choice(_SCALE_TIERS),
    default=_SCALE_TIERS[0],
    help="Replicas of the job: a master; with 4 workers and 3 parameter servers; with 19 and 11.",
)
@click.option("--tune", is_flag=True, help="Tune the taxi-fare trainer, and deploy the best trial's model.")
@click.option(
    "--trials",
    type=click.IntRange(min=1),
    help=f"Of --tune.  [default: {taxifare.SEARCH.trials}, {taxifare.SEARCH.parallel_trials} at a time]",
)
@click.option("--batch", is_flag=True, help="Score the taxi-fare model by a batch prediction job.")
@click.option(
    "--report",
    multiple=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write a report here: a page to look at if it is called .html, else JSON. (repeatable)",
)
@click.option("--keep", is_flag=True, help="Keep everything running at the end, and print how to use it.")
@click.option("--open", "opens_console", is_flag=True, help="Open the console in a browser; implies --keep.")
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
@options.service_agents
@options.runtime
@options.requirements
@options.gpu_quota
@options.confine
@options.job_reads
@options.public
@click.option("--runtime-version", help="Of job and version, such as 2.11.  [default: the installed TensorFlow]")
@click.option("--python-version", help="Likewise, such as 3.7.")
@click.option("--module", help="Your trainer's module, such as trainer.task.")
@click.option(
    "--package-path",
    type=click.Path(path_type=Path),
    help="Your trainer: the folder with __init__.py.  [default: the folder of the module's package]",
)
@click.option("--packages", multiple=True, help="Archives of packages: FILE,gs://… (repeatable)")
@click.option("--env", multiple=True, metavar="NAME=VALUE", help="A variable of the job. (repeatable)")
@click.option(
    "--json-instances",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Predict these instances, one in JSON a line; a prediction that fails is a failure.",
)
@click.option("--no-job-dir", is_flag=True, help="Do not add --job-dir {output} to the trainer's arguments.")
@click.argument("args", nargs=-1, type=click.UNPROCESSED)
def main(
    *,
    backend: str,
    project: str | None,
    bucket: str | None,
    region: str | None,
    data_dir: Path | None,
    rows: int | None,
    train_steps: int | None,
    scale_tier: str,
    tune: bool,
    trials: int | None,
    batch: bool,
    report: tuple[Path, ...],
    keep: bool,
    opens_console: bool,
    state: Path | None,
    launcher: str | None,
    service: str | None,
    image: str | None,
    training_image: str | None,
    service_account: str | None,
    preflight: bool,
    dry_run: str | None,
    iam: str | None,
    service_agents: str | None,
    runtime: str | None,
    requirements: str | None,
    gpu_quota: str | None,
    confine: str | None,
    job_reads: tuple[Path, ...],
    public: tuple[tuple[str, Path], ...],
    runtime_version: str | None,
    python_version: str | None,
    module: str | None,
    package_path: Path | None,
    packages: tuple[str, ...],
    env: tuple[str, ...],
    json_instances: Path | None,
    no_job_dir: bool,
    args: tuple[str, ...],
) -> None:
    """Take a TensorFlow model through the whole cloud workflow: bucket, grant, data, package, training job, logs,
    deployed version, predictions, clean-up.

    For your own trainer give --module and --package-path, and its arguments after "--"; in them {data} and {output}
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
        local_options = {
            "--open": opens_console,
            "--state": state,
            "--launcher": launcher,
            "--iam": iam,
            "--service-agents": service_agents,
            "--runtime": runtime,
            "--requirements": requirements,
            "--gpu-quota": gpu_quota,
            "--confine": confine,
            "--job-reads": job_reads,
            "--public": public,
        }
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
            service_agents=service_agents and ServiceAgents(service_agents),
            runtime=runtime and RuntimeMode(runtime),
            requirements=requirements and RequirementsMode(requirements),
            gpu_quota=gpu_quota and GpuQuota(gpu_quota),
            confine=confine and ConfineMode(confine),
            job_reads=job_reads,
            public=public,
        )
        with temporary_folder(Kind.DATA) as scratch:
            sample = partial(_sample_names if dry_run else _sample_data, scratch, rows or _SAMPLE_ROWS)
            if rows and (data_dir is not None or module is not None):
                raise InvalidArgument("is of the sample data, which --data-dir and --module replace", field="--rows")
            if data_dir is not None:
                _check_data_dir(data_dir, is_taxifare=module is None)
            data = sample if data_dir is None else partial(_existing, data_dir)
            job: dict[str, Any] = {
                "env": parse_variables(env),
                "runtime_version": runtime_version,
                "python_version": python_version,
                "scale_tier": ScaleTier(scale_tier),
                "instances": tuple(read_instances_file(json_instances)) if json_instances else (),
            }
            if trials and not tune:
                raise InvalidArgument("is of --tune, which is missing", field="--trials")
            if module is None:
                _check_taxifare(
                    args, {"--package-path": package_path, "--packages": packages, "--no-job-dir": no_job_dir}
                )
                search = replace(taxifare.SEARCH, trials=trials or taxifare.SEARCH.trials)
                job |= {"search": search if tune else None, "batch": batch}
                plan = _taxifare_plan(bucket or f"{settings.project}-ml", data, train_steps, **job)
            else:
                if train_steps is not None:
                    raise InvalidArgument("is for the taxi-fare trainer: pass yours after --", field="--train-steps")
                for name, value in {"--tune": tune, "--batch": batch}.items():
                    if value:
                        raise InvalidArgument("is for the taxi-fare trainer", field=name)
                plan = trainer_plan(
                    bucket=bucket or f"{settings.project}-ml",
                    data=data,
                    module=module,
                    package_path=package_path,
                    packages=[name for group in packages for name in group.split(",")],
                    args=args,
                    job_dir=not no_job_dir,
                    **job,
                )
            if plan.env and service == "ml-engine":
                raise InvalidArgument(
                    "ML Engine's jobs have no variables of their own: pass arguments, or use --service vertex-ai",
                    field="--env",
                )
            for path in report:
                _check_writable(path)
            run = Run(plan, console, errors, report, keep=keep or opens_console, opens_console=opens_console)
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


def _taxifare_plan(bucket: str, data: Callable[[], Awaitable[Path]], steps: int | None, **job: Any) -> Plan:
    return Plan(
        bucket=check_bucket(bucket),
        data=data,
        package_path=taxifare.package_path(),
        module=taxifare.MODULE,
        args=taxifare.trainer_arguments(steps),
        job_id=new_job_id(taxifare.MODEL),
        model=taxifare.MODEL,
        is_taxifare=True,
        **job,
    )


def _check_taxifare(args: tuple[str, ...], given: Mapping[str, object]) -> None:
    """Raises:
    InvalidArgument: something is for a trainer of one's own, and there is no --module.
    """
    for name, value in given.items():
        if value:
            raise InvalidArgument(
                "is missing: it names the module of your trainer, such as trainer.task; "
                f"{name} is for a trainer of yours",
                field="--module",
            )
    if args:
        raise InvalidArgument(f"{args[0]!r}: arguments need --module and --package-path", field="ARGS")


def _check_data_dir(folder: Path, *, is_taxifare: bool) -> None:
    if not folder.is_dir():
        raise InvalidArgument(f"no such folder: {folder}", field="--data-dir")
    if not any(path.is_file() for path in folder.rglob("*")):
        raise InvalidArgument(f"the folder is empty: {folder}", field="--data-dir")
    if is_taxifare:
        taxifare.check_data(folder)


def _check_writable(report: Path) -> None:
    try:
        report.touch()
    except OSError as error:
        raise InvalidArgument(f"{report}: {error.strerror}", field="--report") from None


async def _existing(folder: Path) -> Path:
    return folder


async def _sample_data(folder: Path, rows: int) -> Path:
    command = (sys.executable, "-m", "trainer.sample_data", "--rows", str(rows), "--seed", "1", str(folder))
    folder_of_trainer = taxifare.package_path().parent
    process = await asyncio.create_subprocess_exec(*command, stdout=PIPE, stderr=STDOUT, cwd=folder_of_trainer)
    output, _ = await process.communicate()
    if process.returncode != 0:
        raise FailedPrecondition(f"sample data could not be made: {output.decode(errors='replace').strip()[-500:]}")
    return folder


async def _sample_names(folder: Path, _rows: int) -> Path:
    """For a dry run, which uploads nothing: files of the right names, with a row each."""
    for name in ("taxi-train.csv", "taxi-valid.csv"):
        (folder / name).write_text("10.5,-73.98,40.75,-73.97,40.76,1,0\n")
    return folder


def run() -> None:
    """Run the ``cleanup`` subcommand or the workflow, by the command line."""
    if sys.argv[1:2] == ["cleanup"]:
        # Imported here: a local run needs none of Google's client libraries.
        from cloud.workflow.google.command import cleanup

        cleanup(sys.argv[2:], "python -m cloud.run cleanup")
    main()
