"""``run_trainer``: a trainer's whole way through a cloud in one call, for tests."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cloud.backends.base import Backend
from cloud.names import GsUri
from cloud.resources import Job, Json, TransferProgress, Version
from cloud.resources.log_entries import LogEntry
from cloud.workflow.instances import read_instances_file
from cloud.workflow.plan import trainer_plan
from cloud.workflow.steps import StepFailed, Workflow

_LAST_LINES = 30


@dataclass(frozen=True, slots=True)
class TrainerRun:
    job: Job
    """It SUCCEEDED."""
    version: Version
    """It is READY."""
    predictions: Sequence[tuple[Json, Json]]
    """Each instance with its prediction."""
    output: GsUri
    """The folder that ``{output}`` stood for."""
    log: Sequence[LogEntry]
    """The job's."""


async def run_trainer(
    backend: Backend,
    package_path: str | Path | None = None,
    *,
    module: str,
    args: Sequence[str] = (),
    data: str | Path | None = None,
    packages: Sequence[str | Path] = (),
    env: Mapping[str, str] | None = None,
    runtime_version: str | None = None,
    python_version: str | None = None,
    json_instances: str | Path | Sequence[Json] = (),
    job_dir: bool = True,
    bucket: str | None = None,
) -> TrainerRun:
    """Package a trainer, upload its data, run it as a job, deploy the newest SavedModel below ``{output}`` and ask the
    version for predictions; the same steps and rules as ``python -m cloud.run``.

    What it makes stays: the bucket, the job, the model and its version.

    Args:
        package_path: the folder with ``__init__.py``; by default that of the module's package in the working directory.
        args: in them ``{data}`` and ``{output}`` stand for ``gs://`` folders.
        data: a folder to upload.
        packages: archives, besides the trainer's package or with it: files, or ``gs://`` objects.
        env: variables of the job, with the same placeholders.
        json_instances: a file with one instance in JSON a line, or the instances themselves.
        job_dir: whether ``--job-dir {output}`` is added to the arguments.
        bucket: created if it does not exist; by default ``PROJECT-ml``.

    Raises:
        InvalidArgument: something about the trainer cannot work; nothing was created.
        StepFailed: a step failed. Its notes have the advice and the end of the job's log.
    """
    is_file = isinstance(json_instances, str | Path)
    plan = trainer_plan(
        bucket=bucket or f"{backend.project}-ml",
        module=module,
        package_path=None if package_path is None else Path(package_path),
        packages=packages,
        args=args,
        data=None if data is None else _Folder(Path(data)),
        env=env,
        runtime_version=runtime_version,
        python_version=python_version,
        instances=read_instances_file(Path(json_instances)) if is_file else json_instances,  # type: ignore[arg-type]
        job_dir=job_dir,
    )
    observer = _LogCollector()
    async with Workflow(backend, plan, observer) as workflow:
        workflow.keep = True
        try:
            await workflow.run()
        except StepFailed as error:
            error.add_note(f"Step {error.step}. What to do: {error.advice}")
            if observer.log:
                lines = [f"{entry.task_name} {entry.message}" for entry in observer.log[-_LAST_LINES:]]
                error.add_note("\n".join(["The end of the job's log:", *lines]))
            raise
    report = workflow.report
    assert report.job is not None  # noqa: S101 - every step succeeded
    assert report.version is not None  # noqa: S101
    return TrainerRun(report.job, report.version, report.predictions, workflow.output, observer.log)


@dataclass(frozen=True, slots=True)
class _Folder:
    path: Path

    async def __call__(self) -> Path:
        return self.path


@dataclass(slots=True)
class _LogCollector:
    """An ``Observer`` that keeps the job's log."""

    log: list[LogEntry] = field(default_factory=list)

    def logged(self, entry: LogEntry) -> None:
        self.log.append(entry)

    def step_started(self, name: str, title: str) -> None: ...
    def step_finished(self, name: str, seconds: float, detail: str) -> None: ...
    def step_failed(self, name: str, seconds: float) -> None: ...
    def transferred(self, progress: TransferProgress) -> None: ...
    def trained(self, steps_done: int, steps_total: int) -> None: ...
