"""The steps of the workflow, from bucket to clean-up, written only against ``Backend``."""

import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Protocol

from cloud.backends import packaging
from cloud.backends.base import Backend
from cloud.errors import (
    AlreadyExists,
    CloudError,
    DeadlineExceeded,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
)
from cloud.lifecycle import JobState, VersionState
from cloud.names import GsUri
from cloud.resources import Access, Framework, Job, JobSpec, TrainingSpec, TransferProgress, VersionSpec
from cloud.resources.log_entries import LogEntry
from cloud.workflow import batch, packages, taxifare
from cloud.workflow.advice import advice_on, advice_on_line
from cloud.workflow.batch import Row
from cloud.workflow.exports import newest_export
from cloud.workflow.plan import Plan
from cloud.workflow.report import Report, Step
from cloud.workflow.tuning import describe

_PROGRESS = re.compile(r"\bstep[ =:]+(\d+)\s*/\s*(\d+)", re.IGNORECASE)
"""A trainer's log line that reports progress: ``step 200/3000``."""
_ROWS_PER_REQUEST = 500
"""Far below the service's limit of 1.5 MB for a prediction request."""


class Observer(Protocol):
    """Receives the progress of a run, to show it."""

    def step_started(self, name: str, title: str) -> None: ...
    def step_finished(self, name: str, seconds: float, detail: str) -> None: ...
    def step_failed(self, name: str, seconds: float) -> None: ...
    def transferred(self, progress: TransferProgress) -> None: ...
    def logged(self, entry: LogEntry) -> None: ...
    def trained(self, steps_done: int, steps_total: int) -> None: ...


class StepFailed(Exception):
    """A step failed; ``__cause__`` is the error.

    Args:
        advice: what the user can do about it.
    """

    def __init__(self, step: str, cause: CloudError, advice: str) -> None:
        super().__init__(str(cause))
        self.step, self.advice = step, advice


CheckExport = Callable[[GsUri], Awaitable[str]]
"""Returns what came of it, in a few words. Raises ``FailedPrecondition`` if the model is not to be deployed."""


class Workflow:
    """One run. Use as a context manager: on exit it removes everything it made, unless ``keep`` is set.

    Args:
        check_export: called before the exported SavedModel is deployed.
    """

    def __init__(
        self, backend: Backend, plan: Plan, observer: Observer, check_export: CheckExport | None = None
    ) -> None:
        self._check_export = check_export
        self.report = Report()
        self.keep = False
        self.is_cleaning_up = False
        self.output = GsUri(plan.bucket, f"{plan.job_id}/output")
        self._backend, self._plan, self._observer = backend, plan, observer
        self._staging = GsUri(plan.bucket, plan.job_id)
        self._detail, self._advice = "", ""
        self._resources: list[_Resource] = []
        self._deploy_timed_out = False

    async def __aenter__(self) -> "Workflow":
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if not self._resources or self.keep:
            return
        self.is_cleaning_up = True
        try:
            async with self._step("clean up", "Remove what this run made"):
                self._detail = ", ".join(self.left)
                await self._clean_up()
        except StepFailed:
            if kind is None:
                raise
            # The first error is the one to report; ``left`` has the rest.

    @property
    def left(self) -> list[str]:
        """What this run made, or may have made, and has not removed; with the reason if removing failed."""
        return [str(resource) for resource in reversed(self._resources)]

    async def run(self) -> None:
        """Run all steps in order.

        Raises:
            StepFailed: a step failed; later ones do not run.
        """
        await self._make_bucket()
        await self._grant()
        data = await self._upload_data(self._plan.data) if self._plan.data else None
        await self._train(await self._stage_packages())
        await self._deploy()
        await self._predict()
        if self._plan.is_taxifare and data is not None:
            await self._evaluate(data)

    # ---------------------------------------------------------------- steps

    async def _make_bucket(self) -> None:
        backend, name = self._backend, self._plan.bucket
        async with self._step("bucket", "Make the bucket"):
            if await backend.bucket_exists(name):
                self._detail = f"gs://{name} exists already and is kept"
            else:
                async with self._creating(f"bucket gs://{name}", self._remove_bucket):
                    bucket = await backend.create_bucket(name, location=backend.region)
                self._detail = f"gs://{name} in {bucket.location}"
            self._resources.append(_Resource(f"objects {self._staging}/", self._remove_objects, is_certain=True))

    async def _grant(self) -> None:
        async with self._step("grant", "Let the ML service account in"):
            account = await self._backend.ml_service_account()
            for access in (Access.READ_NEW, Access.READ, Access.WRITE):
                await self._backend.grant(self._plan.bucket, account, access)
            self._detail = f"{account} may read and write"

    async def _upload_data(self, prepare: Callable[[], Awaitable[Path]]) -> Path:
        async with self._step("data", "Upload the data"):
            folder = await prepare()
            if self._plan.is_taxifare:
                taxifare.check_data(folder)
            objects = await self._backend.upload(folder, self._staging / "data", on_progress=self._observer.transferred)
            self._detail = f"{len(objects)} files, {sum(item.size for item in objects):,} bytes, from {folder}"
        return folder

    async def _stage_packages(self) -> tuple[GsUri, ...]:
        """In gcloud's order: the archives of this machine, the trainer's own package, those in buckets."""
        given, folder = self._plan.packages, self._plan.package_path
        async with self._step("package", "Package the trainer"):
            staged = [await self._stage_archive(archive) for archive in given if isinstance(archive, Path)]
            if folder is not None:
                staged.append(await self._backend.stage_package(folder, self._staging))
            staged += [archive for archive in given if isinstance(archive, GsUri)]
            self._detail = ", ".join(map(str, staged))
            if folder is not None and not self._plan.is_taxifare and (ignored := packages.left_out(folder)):
                self._detail += f" (without a setup.py next to it, as gcloud packs it; left out: {ignored})"
        return tuple(staged)

    async def _stage_archive(self, archive: Path) -> GsUri:
        destination = self._staging / packaging.digest(archive) / archive.name
        await self._backend.upload(archive, destination)
        return destination

    async def _train(self, package_uris: tuple[GsUri, ...]) -> None:
        plan, folders = self._plan, {"{data}": str(self._staging / "data"), "{output}": str(self.output)}
        spec = TrainingSpec(
            job_id=plan.job_id,
            package_uris=package_uris,
            python_module=plan.module,
            args=tuple(_fill(argument, folders) for argument in plan.args),
            region=self._backend.region,
            job_dir=self.output if plan.job_dir else None,
            base_output_directory=self.output if self._backend.abilities.job_variables else None,
            env={name: _fill(value, folders) for name, value in plan.env.items()},
            runtime_version=plan.runtime_version,
            python_version=plan.python_version,
            scale_tier=plan.scale_tier,
        )
        title = f"{'Tune' if plan.search else 'Train'}: job {spec.job_id}"
        async with self._step("train", title):
            job = await self._run_job(plan.search.of(spec) if plan.search else spec)
            self._detail = f"{job.state.value}, output in {self.output}"
            if plan.search:
                best = self.report.best_trial = plan.search.best(job)
                self._detail += f"; trial {best.trial_id} is the best: {describe(best)}"

    async def _run_job(self, spec: JobSpec) -> Job:
        async with self._creating(f"job {spec.job_id}", lambda: self._cancel_job(spec.job_id)):
            self._note(await self._backend.submit_job(spec))
        async for entry in self._backend.follow_logs(spec.job_id):
            self._observer.logged(entry)
            self.report.log.append(entry)
            self._advice = advice_on_line(entry.message) or self._advice
            if match := _PROGRESS.search(entry.message):
                self._observer.trained(int(match[1]), int(match[2]))
        job = self._note(await self._backend.wait_for_job(spec.job_id))
        if job.state is not JobState.SUCCEEDED:
            raise FailedPrecondition(f"job {job.job_id} is {job.state.value}: {job.error_message}")
        self._advice = ""
        return job

    async def _cancel_job(self, job_id: str) -> None:
        with suppress(FailedPrecondition):  # it has finished
            await self._backend.cancel_job(job_id)
        self._note(await self._backend.wait_for_job(job_id))

    def _note(self, job: Job) -> Job:
        if job.job_id == self._plan.job_id:  # not that of batch prediction
            self.report.job = job
        return job

    async def _deploy(self) -> None:
        backend, model = self._backend, self._plan.model
        async with self._step("deploy", f"Deploy a version of model {model}"):
            assert self.report.job is not None  # noqa: S101 - the step before made it
            trial = self.report.best_trial
            output = self.output / trial.trial_id if trial else self.output
            export = await newest_export(backend, self.report.job, output)
            checked = ""
            if self._check_export and export.framework is Framework.TENSORFLOW:
                checked = f"; {await self._check_export(export.folder)}"
            try:
                await backend.get_model(model)
            except NotFound:
                async with self._creating(f"model {model}", lambda: backend.delete_model(model)):
                    await backend.create_model(model)
            taken = {version.name for version in await backend.list_versions(model)}
            name = next(name for number in range(1, len(taken) + 2) if (name := f"v{number}") not in taken)
            spec = VersionSpec(
                model,
                name,
                export.folder,
                framework=export.framework,
                runtime_version=self._plan.runtime_version,
                python_version=self._plan.python_version,
            )
            async with self._creating(f"version {model}/{name}", lambda: self._remove_version(name)):
                try:
                    version = self.report.version = await backend.deploy(spec)
                except DeadlineExceeded:
                    self._deploy_timed_out = True
                    raise
            if version.state is not VersionState.READY:
                raise FailedPrecondition(version.error_message)
            self._detail = f"{model}/{name} serves {export.folder}{checked}"

    async def _remove_version(self, name: str) -> None:
        # A version that is still being created cannot be deleted: wait, unless ``deploy`` already timed out waiting.
        await self._backend.wait_for_version(self._plan.model, name, timeout=0 if self._deploy_timed_out else None)
        await self._backend.delete_version(self._plan.model, name)

    async def _predict(self) -> None:
        plan, predictions = self._plan, self.report.predictions
        instances = iter(plan.instances or (taxifare.TEST_INSTANCES if plan.is_taxifare else ()))
        async with self._step("predict", "Ask for predictions"):
            while chunk := list(islice(instances, _ROWS_PER_REQUEST)):
                predicted = await self._backend.predict(plan.model, chunk, version=self._version)
                predictions.extend(zip(chunk, predicted, strict=True))
            self._detail = f"{len(predictions)} instances"
            if not predictions:
                self._detail = (
                    "none was tried: --json-instances FILE, with one JSON instance a line, asks for predictions"
                )

    async def _evaluate(self, data: Path) -> None:
        where = "in a batch prediction job" if self._plan.batch else "on the evaluation data"
        async with self._step("evaluate", f"Score the deployed version {where}"):
            files, score = taxifare.evaluation_files(data), taxifare.RootMeanSquare()
            predict = self._predict_in_batch if self._plan.batch else self._predict_fares
            async for fare, predicted in predict(partial(taxifare.labelled_instances, files)):
                score.add(predicted - fare)
                self.report.fares.append((fare, predicted))
            if not score.count:
                self._detail = "skipped, no evaluation rows"
                return
            self.report.rmse = score.value
            self._detail = f"RMSE {score.value:.4f} on {score.count} rows"

    async def _predict_in_batch(self, read: Callable[[], Iterator[Row]]) -> AsyncIterator[tuple[float, float]]:
        """Yield each row's fare and the predicted one."""
        backend, plan, folder = self._backend, self._plan, self._staging / "batch"
        assert self._version is not None  # noqa: S101 - the step before made it
        instances = folder / "instances.jsonl"
        if not await batch.upload(backend, read(), instances):
            return
        job = await self._run_job(
            batch.batch_spec(
                f"{plan.job_id}_batch", plan.model, self._version, instances, folder / "predictions", backend.region
            )
        )
        async for fare, prediction in batch.results(backend, job, read):
            yield fare, taxifare.predicted_fare(prediction)

    async def _predict_fares(self, read: Callable[[], Iterator[Row]]) -> AsyncIterator[tuple[float, float]]:
        """Yield each row's fare and the predicted one."""
        rows = read()
        while chunk := list(islice(rows, _ROWS_PER_REQUEST)):
            instances = [instance for instance, _ in chunk]
            predictions = await self._backend.predict(self._plan.model, instances, version=self._version)
            for (_, fare), prediction in zip(chunk, predictions, strict=True):
                yield fare, taxifare.predicted_fare(prediction)

    # ---------------------------------------------------------------- around the steps

    @property
    def _version(self) -> str | None:
        return self.report.version.name if self.report.version else None

    @asynccontextmanager
    async def _step(self, name: str, title: str) -> AsyncIterator[None]:
        began, self._detail = time.monotonic(), ""
        self._observer.step_started(name, title)
        try:
            yield
        except BaseException as error:
            seconds = time.monotonic() - began
            self.report.steps.append(Step(name, seconds, str(error) or type(error).__name__))
            self._observer.step_failed(name, seconds)
            if isinstance(error, CloudError):
                raise StepFailed(name, error, self._advice or advice_on(name)) from error
            raise
        seconds = time.monotonic() - began
        self.report.steps.append(Step(name, seconds, self._detail))
        self._observer.step_finished(name, seconds, self._detail)

    @asynccontextmanager
    async def _creating(self, what: str, remove: Callable[[], Awaitable[object]]) -> AsyncIterator[None]:
        """Register ``remove`` for a resource that the body creates, also if it is unclear whether that succeeded."""
        resource = _Resource(what, remove)
        self._resources.append(resource)
        try:
            yield
        except (AlreadyExists, InvalidArgument):
            # Nothing was created (see ``Backend``): an existing resource is not ours.
            self._resources.remove(resource)
            raise
        resource.is_certain = True

    async def _remove_objects(self) -> None:
        await self._backend.delete_objects(self._staging.as_folder())

    async def _remove_bucket(self) -> None:
        try:
            await self._backend.delete_bucket(self._plan.bucket)
        except FailedPrecondition:
            # An interrupted upload may have completed since.
            await self._remove_objects()
            await self._backend.delete_bucket(self._plan.bucket)

    async def _clean_up(self) -> None:
        """Remove everything in reverse order; a failure does not stop the rest.

        Raises:
            FailedPrecondition: names everything that could not be removed.
        """
        for resource in reversed(list(self._resources)):
            try:
                await resource.remove()
            except NotFound:
                pass  # already removed, or never created
            except CloudError as error:
                resource.error = str(error)
                continue
            self._resources.remove(resource)
        if self._resources:
            raise FailedPrecondition("could not be removed: " + "; ".join(self.left))


@dataclass(slots=True, eq=False)
class _Resource:
    what: str
    remove: Callable[[], Awaitable[object]]
    is_certain: bool = False
    error: str = ""
    """Why it could not be removed."""

    def __str__(self) -> str:
        return (
            self.what + ("" if self.is_certain else " (if it was created)") + (f": {self.error}" if self.error else "")
        )


def _fill(argument: str, folders: dict[str, str]) -> str:
    for placeholder, value in folders.items():
        argument = argument.replace(placeholder, value)
    return argument
