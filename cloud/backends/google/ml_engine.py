"""ML Engine v1 (later AI Platform) as a ``GoogleService``: the API whose terms the workflow uses.

Schemas: discovery document ``ml.v1``. Google has shut it down; the emulator and the bridge serve it.
"""

from collections.abc import Sequence
from datetime import datetime

from cloud.backends.google.errors import error_of_operation
from cloud.backends.google.logs import JobLog
from cloud.backends.google.service import (
    REQUEST_LABEL,
    RUN_LABEL,
    GoogleService,
    RunResources,
    ServiceContext,
    naming,
    without_mark,
)
from cloud.backends.google.transport import FindExisting
from cloud.errors import FailedPrecondition, InvalidArgument, NotFound, PredictionFailed
from cloud.lifecycle import JobState, VersionState
from cloud.names import check_id
from cloud.resources import (
    Abilities,
    Job,
    JobSpec,
    Json,
    Model,
    PredictionCounts,
    RawAnswer,
    ScaleTier,
    ServingStack,
    TrainingSpec,
    Version,
    VersionSpec,
)
from cloud.resources.batch_prediction import BatchPredictionSpec
from cloud.resources.trials import Trial
from cloud.resources.tuning import TuningSpec, training_of
from cloud.wire.ml_v1 import job_spec, moment, training_input, version_spec
from cloud.wire.ml_v1_prediction import batch_prediction_spec, prediction_counts, prediction_input
from cloud.wire.ml_v1_tuning import hyperparameters, trial, tuning_spec

_JOBS, _MODELS, _VERSIONS = "ml.projects.jobs", "ml.projects.models", "ml.projects.models.versions"
_MACHINE = "n1-standard-4"
"""Machine type of each replica of a CUSTOM cluster, and of BASIC."""
_SERVING_MACHINE = "n1-standard-2"
"""The smallest machine type that runs TensorFlow Serving."""
_ROLES = {"worker": "workerCount", "parameterServer": "parameterServerCount", "evaluator": "evaluatorCount"}


class MlEngine(GoogleService):
    name = "ml-engine"
    ends_deployments = False
    abilities = Abilities(
        gpus=True,
        tpus=True,
        enforces_grants=True,
        job_variables=False,
        lists_in_parts=False,
    )

    def __init__(self, context: ServiceContext) -> None:
        self._context, self._send = context, context.transport.send
        self._project = f"projects/{context.project}"

    async def ml_service_account(self) -> str:
        config = await self._send("ml.projects.getConfig", {"name": self._project})
        return str(config["serviceAccount"])

    async def created_by(self, run: str) -> RunResources:
        pages, parent = self._context.transport.pages, {"parent": self._project}
        jobs = [_job(item) for item in await pages(f"{_JOBS}.list", parent, "jobs") if _is_of(item, run)]
        listed, versions = await pages(f"{_MODELS}.list", parent, "models"), list[tuple[str, str]]()
        for model in listed:
            found = await pages(f"{_VERSIONS}.list", {"parent": model["name"]}, "versions")
            versions += [(_last(model["name"]), _last(item["name"])) for item in found if _is_of(item, run)]
        return RunResources(
            jobs=[job.job_id for job in jobs if not job.state.is_final],
            versions=versions,
            models=[_last(model["name"]) for model in listed if _is_of(model, run)],
        )

    # ---------------------------------------------------------------- jobs

    async def submit_job(self, spec: JobSpec) -> Job:
        body = {"jobId": spec.job_id, "labels": self._context.marked(spec.labels), **self._input(spec)}
        made = await self._send(
            f"{_JOBS}.create",
            {"parent": self._project},
            body,
            find_existing=self._look(f"{_JOBS}.get", self._job_name(spec.job_id), body),
        )
        return _job(made)

    def _input(self, spec: JobSpec) -> dict[str, Json]:
        if isinstance(spec, BatchPredictionSpec):
            return {"predictionInput": prediction_input(spec, self._context.project)}
        given = _training_input(training_of(spec))
        if isinstance(spec, TuningSpec):
            given["hyperparameters"] = hyperparameters(spec)
        return {"trainingInput": given}

    async def get_job(self, job_id: str) -> Job:
        async with naming("job", job_id):
            return _job(await self._send(f"{_JOBS}.get", {"name": self._job_name(job_id)}))

    async def list_jobs(self) -> list[Job]:
        listed = await self._context.transport.pages(f"{_JOBS}.list", {"parent": self._project}, "jobs")
        jobs = [_job(item) for item in listed]
        # Times are whole seconds: jobs of one second stay in the service's order.
        return sorted(jobs, key=lambda job: job.create_time, reverse=True)

    async def cancel_job(self, job_id: str) -> None:
        state = (await self.get_job(job_id)).state
        if state.is_final:
            raise FailedPrecondition(f"job {job_id!r} is finished: {state.value}", field="job.job_id")
        await self._send(f"{_JOBS}.cancel", {"name": self._job_name(job_id)}, {})

    async def log(self, job_id: str) -> JobLog:
        await self.get_job(job_id)
        return JobLog(job_id)

    # ---------------------------------------------------------------- models and versions

    async def create_model(self, name: str, *, description: str = "") -> Model:
        check_id(name, "model.name")
        body = {"name": name, "regions": [self._context.region], "labels": self._context.marked()}
        if description:
            body["description"] = description
        made = await self._send(
            f"{_MODELS}.create",
            {"parent": self._project},
            body,
            find_existing=self._look(f"{_MODELS}.get", self._model_name(name), body),
        )
        return _model(made)

    async def get_model(self, name: str) -> Model:
        async with naming("model", name):
            return _model(await self._send(f"{_MODELS}.get", {"name": self._model_name(name)}))

    async def list_models(self) -> list[Model]:
        listed = await self._context.transport.pages(f"{_MODELS}.list", {"parent": self._project}, "models")
        return sorted(map(_model, listed), key=lambda model: model.name)

    async def delete_model(self, name: str) -> None:
        async with naming("model", name):
            await self._send(f"{_MODELS}.delete", {"name": self._model_name(name)})

    async def create_version(self, spec: VersionSpec) -> Version:
        given = {
            "name": spec.name,
            "deploymentUri": str(spec.deployment_uri),
            "framework": spec.framework.value,
            "machineType": _SERVING_MACHINE if spec.serving_stack is ServingStack.TENSORFLOW_SERVING else None,
            "runtimeVersion": spec.runtime_version,
            "pythonVersion": spec.python_version,
            "description": spec.description or None,
            "labels": self._context.marked(),
        }
        body = {key: value for key, value in given.items() if value is not None}
        name = self._version_name(spec.model, spec.name)
        async with naming("model", spec.model):
            made = await self._send(
                f"{_VERSIONS}.create",
                {"parent": self._model_name(spec.model)},
                body,
                find_existing=self._look(f"{_VERSIONS}.get", name, body),
            )
        if "error" in made:
            raise error_of_operation(made["error"])
        version = made.get("metadata", {}).get("version", made)
        return Version(spec, VersionState.CREATING, datetime.fromisoformat(version["createTime"]))

    async def get_version(self, model: str, name: str) -> Version:
        async with naming("version", name), naming("model", model):
            found = await self._send(f"{_VERSIONS}.get", {"name": self._version_name(model, name)})
        return _version(model, found)

    async def list_versions(self, model: str) -> list[Version]:
        async with naming("model", model):
            parent = {"parent": self._model_name(model)}
            listed = await self._context.transport.pages(f"{_VERSIONS}.list", parent, "versions")
        return sorted((_version(model, item) for item in listed), key=lambda version: version.name)

    async def set_default_version(self, model: str, name: str) -> Version:
        async with naming("version", name):
            found = await self._send(f"{_VERSIONS}.setDefault", {"name": self._version_name(model, name)}, {})
        return _version(model, found)

    async def delete_version(self, model: str, name: str) -> None:
        async with naming("version", name):
            await self._send(f"{_VERSIONS}.delete", {"name": self._version_name(model, name)})

    async def predict(
        self, model: str, instances: Sequence[Json], *, version: str | None, signature_name: str | None
    ) -> list[Json]:
        name = self._model_name(model) if version is None else self._version_name(model, version)
        body: dict[str, Json] = {"instances": list(instances)}
        if signature_name is not None:
            body["signature_name"] = signature_name
        async with naming("model", model if version is None else version):
            answer = await self._send("ml.projects.predict", {"name": name}, body)
        if "error" in answer:  # the global endpoint reports errors with status 200
            raise PredictionFailed(str(answer["error"]))
        return list(answer["predictions"])

    async def raw_predict(self, model: str, body: bytes, *, version: str | None) -> RawAnswer:
        name = self._model_name(model) if version is None else self._version_name(model, version)
        async with naming("model", model if version is None else version):
            answer: RawAnswer = await self._send("ml.projects.predict", {"name": name}, body)
        return answer

    # ---------------------------------------------------------------- names

    def _job_name(self, job_id: str) -> str:
        return f"{self._project}/jobs/{job_id}"

    def _model_name(self, model: str) -> str:
        return f"{self._project}/models/{model}"

    def _version_name(self, model: str, version: str) -> str:
        return f"{self._model_name(model)}/versions/{version}"

    def _look(self, method_id: str, name: str, body: Json) -> FindExisting:
        """Finds the resource ``name`` if it was created by a request with this ``body``."""

        async def look() -> Json:
            try:
                found = await self._send(method_id, {"name": name})
            except NotFound:
                return None
            return found if found.get("labels", {}).get(REQUEST_LABEL) == body["labels"][REQUEST_LABEL] else None

        return look


def _training_input(spec: TrainingSpec) -> dict[str, Json]:
    """Raises:
    InvalidArgument: it has variables.
    """
    if spec.env or spec.base_output_directory:
        raise InvalidArgument(
            f"{', '.join(spec.env) or 'AIP_MODEL_DIR'}: ML Engine's jobs have no variables of their own: pass "
            "arguments, or run the job on Vertex AI",
            field="job.env" if spec.env else "job.base_output_directory",
        )
    given = training_input(spec)
    if spec.scale_tier is ScaleTier.CUSTOM:
        given["masterType"] = _MACHINE
        given |= {f"{role}Type": _MACHINE for role, count in _ROLES.items() if count in given}
    return given


def _job(item: Json) -> Job:
    body = item | {"labels": without_mark(item.get("labels", {}))}
    trials: Sequence[Trial] = ()
    if "predictionInput" in item:
        model = item["predictionInput"].get("modelName") or item["predictionInput"].get("versionName", "")
        spec: JobSpec = batch_prediction_spec(body, model.split("/")[1] if model else "")
    elif "hyperparameters" not in item["trainingInput"]:
        spec = job_spec(body)
    else:
        spec = tuning = tuning_spec(body)
        trials = [trial(each, tuning) for each in item.get("trainingOutput", {}).get("trials", ())]
    return Job(
        spec=spec,
        trials=tuple(sorted(trials, key=lambda trial: int(trial.trial_id))),
        predictions=_predictions(item),
        state=JobState(item["state"]),
        create_time=datetime.fromisoformat(item["createTime"]),
        start_time=moment(item.get("startTime")),
        end_time=moment(item.get("endTime")),
        error_message=item.get("errorMessage", ""),
    )


def _predictions(item: Json) -> PredictionCounts | None:
    if "predictionInput" not in item or item["state"] == JobState.QUEUED:
        return None
    return prediction_counts(item.get("predictionOutput", {}))


def _model(item: Json) -> Model:
    return Model(
        name=_last(item["name"]),
        region=item["regions"][0],
        create_time=None,
        description=item.get("description", ""),
        default_version=_last(item["defaultVersion"]["name"]) if "defaultVersion" in item else None,
    )


def _version(model: str, item: Json) -> Version:
    state = item.get("state", "CREATING")
    return Version(
        spec=version_spec(model, item | {"name": _last(item["name"])}),
        # A version is still served during an update.
        state=VersionState.READY if state == "UPDATING" else VersionState(state),
        create_time=datetime.fromisoformat(item["createTime"]),
        is_default=item.get("isDefault", False),
        error_message=item.get("errorMessage", ""),
    )


def _is_of(item: Json, run: str) -> bool:
    return bool(item.get("labels", {}).get(RUN_LABEL) == run)


def _last(name: str) -> str:
    return name.rpartition("/")[2]
