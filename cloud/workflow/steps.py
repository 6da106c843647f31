"""The lab's chapters as steps, from bucket to clean-up, written only against ``Backend``."""

import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Protocol

from cloud.backends.base import Backend
from cloud.errors import (
    AlreadyExists,
    CloudError,
    DeadlineExceeded,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    PredictionFailed,
)
from cloud.lifecycle import JobState, VersionState
from cloud.names import GsUri
from cloud.resources import Access, Job, Json, LogEntry, TrainingSpec, TransferProgress, Version, VersionSpec
from cloud.workflow import taxifare

_STEP = re.compile(r"\bstep[ =:]+(\d+)\s*/\s*(\d+)", re.IGNORECASE)
"""How a trainer's line tells its progress: ``step 200/3000``."""
_ROWS_A_REQUEST = 500
"""Far below the service's limit of 1.5 MB for a prediction request."""


class Observer(Protocol):
    """Who shows the run to a person."""

    def step_started(self, name: str, title: str) -> None: ...
    def step_finished(self, name: str, seconds: float, detail: str) -> None: ...
    def step_failed(self, name: str, seconds: float) -> None: ...
    def transferred(self, progress: TransferProgress) -> None: ...
    def logged(self, entry: LogEntry) -> None: ...
    def trained(self, steps_done: int, steps_total: int) -> None: ...


@dataclass(frozen=True, slots=True)
class Plan:
    """What to take through the workflow."""

    bucket: str
    data: Callable[[], Awaitable[Path]]
    """Gives the folder of data files, making them first if need be."""
    package_path: Path
    module: str
    args: tuple[str, ...]
    """The trainer's, with the placeholders ``{data}`` and ``{output}`` for gs:// folders."""
    job_id: str
    model: str
    is_the_labs: bool
    """Whether it is the taxi-fare trainer: its data and predictions are then checked as such."""


@dataclass(frozen=True, slots=True)
class Step:
    name: str
    seconds: float
    detail: str


@dataclass(slots=True)
class Report:
    """What happened, filled in as it happens."""

    steps: list[Step] = field(default_factory=list)
    job: Job | None = None
    version: Version | None = None
    rmse: float | None = None
    predictions: list[tuple[Json, Json]] = field(default_factory=list)
    """Instances and the model's answers."""


class StepFailed(Exception):
    """A step did not succeed; ``__cause__`` is why."""

    def __init__(self, step: str, cause: CloudError, advice: str) -> None:
        super().__init__(str(cause))
        self.step, self.advice = step, advice


_ADVICE = {
    "bucket": "choose another name with --bucket.",
    "data": "give a folder with taxi-train*.csv and taxi-valid*.csv, or leave --data-dir out to use sample data.",
    "package": "check --package-path: it names the folder that holds __init__.py.",
    "train": "read the job's log above; its last lines say where the trainer stopped.",
    "deploy": "check that the trainer exports a SavedModel with a serving signature below {output}.",
}


class Workflow:
    """One run. Use as a context manager: on exit everything it made is removed, unless ``keep`` is set by then."""

    def __init__(self, backend: Backend, plan: Plan, observer: Observer) -> None:
        self.report = Report()
        self.keep = False
        self.is_cleaning_up = False
        self.output = GsUri(plan.bucket, f"{plan.job_id}/output")
        self._backend, self._plan, self._observer = backend, plan, observer
        self._staging = GsUri(plan.bucket, plan.job_id)
        self._detail = ""
        self._made: list[_Made] = []
        self._is_stuck = False
        """The version's creation does not end."""

    async def __aenter__(self) -> "Workflow":
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if not self._made or self.keep:
            return
        self.is_cleaning_up = True
        try:
            async with self._step("clean up", "Remove what this run made"):
                self._detail = ", ".join(self.left)
                await self._clean_up()
        except StepFailed:
            if kind is None:
                raise
            # What went wrong first is what is told; ``left`` knows the rest.

    @property
    def left(self) -> list[str]:
        """What this run made, or may have made, and has not removed; with the reason where it could not."""
        return [made.told() for made in reversed(self._made)]

    async def run(self) -> None:
        """All chapters in order.

        Raises:
            StepFailed: the first step that did not succeed.
        """
        await self._make_bucket()
        await self._grant()
        data = await self._upload_data()
        package = await self._stage_package()
        await self._train(package)
        await self._deploy()
        await self._predict()
        if self.report.predictions:
            await self._evaluate(data)

    # ---------------------------------------------------------------- chapters

    async def _make_bucket(self) -> None:
        backend, name = self._backend, self._plan.bucket
        async with self._step("bucket", "Make the bucket"):
            if await backend.bucket_exists(name):
                self._detail = f"gs://{name} exists already; it stays"
            else:
                async with self._making(f"bucket gs://{name}", self._remove_bucket):
                    bucket = await backend.create_bucket(name, location=backend.region)
                self._detail = f"gs://{name} in {bucket.location}"
            self._made.append(_Made(f"objects {self._staging}/", self._remove_objects, is_certain=True))

    async def _grant(self) -> None:
        async with self._step("grant", "Let the ML service account in"):
            account = await self._backend.ml_service_account()
            for access in (Access.READ_NEW, Access.READ, Access.WRITE):
                await self._backend.grant(self._plan.bucket, account, access)
            self._detail = f"{account} may read and write"

    async def _upload_data(self) -> Path:
        async with self._step("data", "Upload the data"):
            folder = await self._plan.data()
            if self._plan.is_the_labs:
                taxifare.check_data(folder)
            objects = await self._backend.upload(folder, self._staging / "data", on_progress=self._observer.transferred)
            self._detail = f"{len(objects)} files, {sum(item.size for item in objects):,} bytes, from {folder}"
        return folder

    async def _stage_package(self) -> GsUri:
        async with self._step("package", "Package the trainer"):
            package = await self._backend.stage_package(self._plan.package_path, self._staging)
            self._detail = str(package)
        return package

    async def _train(self, package: GsUri) -> None:
        places = {"{data}": str(self._staging / "data"), "{output}": str(self.output)}
        spec = TrainingSpec(
            job_id=self._plan.job_id,
            package_uris=(package,),
            python_module=self._plan.module,
            args=tuple(_fill(argument, places) for argument in self._plan.args),
            region=self._backend.region,
            job_dir=self.output,
        )
        async with self._step("train", f"Train: job {spec.job_id}"):
            async with self._making(f"job {spec.job_id}", lambda: self._end_job(spec.job_id)):
                self.report.job = await self._backend.submit_job(spec)
            async for entry in self._backend.follow_logs(spec.job_id):
                self._observer.logged(entry)
                if told := _STEP.search(entry.message):
                    self._observer.trained(int(told[1]), int(told[2]))
            job = self.report.job = await self._backend.wait_for_job(spec.job_id)
            if job.state is not JobState.SUCCEEDED:
                raise FailedPrecondition(f"job {job.job_id} is {job.state.value}: {job.error_message}")
            self._detail = f"{job.state.value}, output in {self.output}"

    async def _end_job(self, job_id: str) -> None:
        with suppress(FailedPrecondition):  # it is finished
            await self._backend.cancel_job(job_id)
        self.report.job = await self._backend.wait_for_job(job_id)

    async def _deploy(self) -> None:
        backend, model = self._backend, self._plan.model
        async with self._step("deploy", f"Deploy a version of model {model}"):
            saved_model = await self._newest_saved_model()
            try:
                await backend.get_model(model)
            except NotFound:
                async with self._making(f"model {model}", lambda: backend.delete_model(model)):
                    await backend.create_model(model)
            taken = {version.name for version in await backend.list_versions(model)}
            name = next(name for number in range(1, len(taken) + 2) if (name := f"v{number}") not in taken)
            async with self._making(f"version {model}/{name}", lambda: self._remove_version(name)):
                try:
                    version = self.report.version = await backend.deploy(VersionSpec(model, name, saved_model))
                except DeadlineExceeded:
                    self._is_stuck = True
                    raise
            if version.state is not VersionState.READY:
                raise FailedPrecondition(version.error_message)
            self._detail = f"{model}/{name} serves {saved_model}"

    async def _remove_version(self, name: str) -> None:
        # One that is still being created cannot be deleted yet; one that is for ever was waited for already.
        await self._backend.wait_for_version(self._plan.model, name, timeout=0 if self._is_stuck else None)
        await self._backend.delete_version(self._plan.model, name)

    async def _newest_saved_model(self) -> GsUri:
        # Exports are named by time, so the last by name is the newest (the lab's "ls … | tail -1").
        found = [
            item.uri
            for item in await self._backend.list_objects(self.output)
            if item.uri.name in ("saved_model.pb", "saved_model.pbtxt")
        ]
        if not found:
            raise NotFound(f"the job exported no SavedModel below {self.output}")
        return GsUri(found[-1].bucket, found[-1].path.rpartition("/")[0])

    async def _predict(self) -> None:
        async with self._step("predict", "Ask for predictions"):
            instances = list(taxifare.TEST_INSTANCES)
            try:
                answers = await self._backend.predict(self._plan.model, instances, version=self._version)
            except PredictionFailed as error:
                if self._plan.is_the_labs:
                    raise
                self._detail = f"skipped, this model takes other instances than the lab's: {error}"
            else:
                self.report.predictions = list(zip(instances, answers, strict=True))
                self._detail = f"{len(answers)} test instances"

    async def _evaluate(self, data: Path) -> None:
        async with self._step("evaluate", "Score the deployed version on the evaluation data"):
            rows, score = taxifare.labelled_instances(taxifare.evaluation_files(data)), taxifare.RootMeanSquare()
            async for fare, predicted in self._scored(rows):
                score.add(predicted - fare)
            if not score.count:
                self._detail = "skipped, no evaluation rows"
                return
            self.report.rmse = score.value
            self._detail = f"RMSE {score.value:.4f} on {score.count} rows"

    async def _scored(self, rows: Iterator[tuple[dict[str, Json], float]]) -> AsyncIterator[tuple[float, float]]:
        while chunk := list(islice(rows, _ROWS_A_REQUEST)):
            instances = [instance for instance, _ in chunk]
            answers = await self._backend.predict(self._plan.model, instances, version=self._version)
            for (_, fare), answer in zip(chunk, answers, strict=True):
                yield fare, taxifare.predicted_fare(answer)

    # ---------------------------------------------------------------- around the chapters

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
                raise StepFailed(name, error, _ADVICE.get(name, "the message above says what is wrong.")) from error
            raise
        seconds = time.monotonic() - began
        self.report.steps.append(Step(name, seconds, self._detail))
        self._observer.step_finished(name, seconds, self._detail)

    @asynccontextmanager
    async def _making(self, what: str, remove: Callable[[], Awaitable[object]]) -> AsyncIterator[None]:
        """Inside, it is made. It is removed at the end also if it is not known whether it came to be."""
        made = _Made(what, remove)
        self._made.append(made)
        try:
            yield
        except (AlreadyExists, InvalidArgument):
            # Nothing was made (see ``Backend``): what is there is somebody else's.
            self._made.remove(made)
            raise
        made.is_certain = True

    async def _remove_objects(self) -> None:
        await self._backend.delete_objects(self._staging.as_folder())

    async def _remove_bucket(self) -> None:
        try:
            await self._backend.delete_bucket(self._plan.bucket)
        except FailedPrecondition:
            # An upload that was interrupted may have come to its end since.
            await self._remove_objects()
            await self._backend.delete_bucket(self._plan.bucket)

    async def _clean_up(self) -> None:
        """Remove in reverse, each thing whatever becomes of the others.

        Raises:
            FailedPrecondition: naming everything that could not be removed.
        """
        for made in reversed(list(self._made)):
            try:
                await made.remove()
            except NotFound:
                pass  # Somebody else removed it, or it never came to be: that is what was wanted.
            except CloudError as error:
                made.why = str(error)
                continue
            self._made.remove(made)
        if self._made:
            raise FailedPrecondition("could not be removed: " + "; ".join(self.left))


@dataclass(slots=True, eq=False)
class _Made:
    what: str
    remove: Callable[[], Awaitable[object]]
    is_certain: bool = False
    why: str = ""
    """It could not be removed."""

    def told(self) -> str:
        return self.what + ("" if self.is_certain else " (if it was made)") + (f": {self.why}" if self.why else "")


def _fill(argument: str, places: dict[str, str]) -> str:
    for placeholder, value in places.items():
        argument = argument.replace(placeholder, value)
    return argument
