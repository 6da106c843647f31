"""Vertex AI as a ``GoogleService``: predictions; jobs are in ``vertex_jobs``, models in ``vertex_models``."""

import re
from collections.abc import Awaitable, Callable, Sequence

from cloud.backends.google.logs import JobLog, Logs
from cloud.backends.google.saved_model import signature
from cloud.backends.google.service import GoogleService, RunResources, ServiceContext
from cloud.backends.google.vertex_endpoints import ENDPOINTS, Registered, Serving
from cloud.backends.google.vertex_jobs import VertexJobs
from cloud.backends.google.vertex_model_names import ModelNames
from cloud.backends.google.vertex_models import VertexModels
from cloud.errors import CloudError, FailedPrecondition, InvalidArgument, PredictionFailed, Unavailable
from cloud.lifecycle import VersionState
from cloud.names import GsUri
from cloud.resources import Abilities, Job, JobSpec, Json, Model, RawAnswer, Version, VersionSpec


class VertexAi(GoogleService):
    """Args:
    logs: of its jobs.
    read: reads an object's bytes.
    image, training_image: built from docker/serving.Dockerfile and docker/training.Dockerfile; by default Google's
        prebuilt ones.
    service_account: that jobs and versions run as; by default Vertex AI's service agent.
    """

    name = "vertex-ai"
    ends_deployments = True

    def __init__(
        self,
        context: ServiceContext,
        logs: Logs,
        read: Callable[[GsUri], Awaitable[bytes]],
        *,
        image: str | None = None,
        training_image: str | None = None,
        service_account: str | None = None,
    ) -> None:
        # Vertex AI's service agent may read and write every bucket of the project.
        self.abilities = Abilities(
            gpus=True,
            enforces_grants=service_account is not None,
            predicts_any_version=False,
            resumes_studies=False,
            trial_job_dirs=False,
            lists_in_parts=False,
        )
        self._context, self._send, self._service_account = context, context.transport.send, service_account
        self._models = VertexModels(context, image=image, service_account=service_account, read=read)
        names = ModelNames(context, self._models)
        self._jobs = VertexJobs(context, logs, names, service_account=service_account, image=training_image)
        self._serving: dict[str, Serving] = {}
        """The deployed versions when last read, by model."""

    async def close(self) -> None:
        await self._models.close()

    async def ml_service_account(self) -> str:
        if self._service_account:
            return self._service_account
        # Cloud Storage reveals the project's number to every caller who may list buckets.
        found = await self._send("storage.projects.serviceAccount.get", {"projectId": self._context.project})
        number = re.sub(r"\D", "", found["email_address"].partition("@")[0])
        return f"service-{number}@gcp-sa-aiplatform-cc.iam.gserviceaccount.com"

    async def created_by(self, run: str) -> RunResources:
        versions, models = await self._models.created_by(run)
        return RunResources(await self._jobs.created_by(run), versions, models)

    # ---------------------------------------------------------------- jobs

    async def submit_job(self, spec: JobSpec) -> Job:
        return await self._jobs.submit(spec)

    async def get_job(self, job_id: str) -> Job:
        return await self._jobs.get(job_id)

    async def list_jobs(self) -> list[Job]:
        return list(await self._jobs.list())

    async def cancel_job(self, job_id: str) -> None:
        await self._jobs.cancel(job_id)

    async def log(self, job_id: str) -> JobLog:
        return await self._jobs.log(job_id)

    # ---------------------------------------------------------------- models and versions

    async def create_model(self, name: str, *, description: str = "") -> Model:
        return await self._models.create_model(name, description)

    async def get_model(self, name: str) -> Model:
        return await self._models.get_model(name)

    async def list_models(self) -> list[Model]:
        return await self._models.list_models()

    async def delete_model(self, name: str) -> None:
        await self._models.delete_model(name)

    async def create_version(self, spec: VersionSpec) -> Version:
        return await self._models.create_version(spec)

    async def get_version(self, model: str, name: str) -> Version:
        return await self._models.get_version(model, name)

    async def list_versions(self, model: str) -> list[Version]:
        return await self._models.list_versions(model)

    async def set_default_version(self, model: str, name: str) -> Version:
        self._serving.pop(model, None)
        return await self._models.set_default(model, name)

    async def delete_version(self, model: str, name: str) -> None:
        self._serving.pop(model, None)
        await self._models.delete_version(model, name)

    # ---------------------------------------------------------------- prediction

    async def predict(
        self, model: str, instances: Sequence[Json], *, version: str | None, signature_name: str | None
    ) -> list[Json]:
        endpoint = await self._models.endpoints.name(model)
        serving = await self._checked_serving(model, version)
        body: dict[str, Json] = {"instances": list(instances)}
        method = "predict"
        if signature_name is not None:
            # TensorFlow Serving's request, which ``predict`` does not support.
            method, body["signature_name"] = "rawPredict", signature_name
        try:
            answer = await self._send(f"{ENDPOINTS}.{method}", {"endpoint": endpoint}, body)
        except CloudError as error:
            raise await self._explain(model, version, error) from error
        number = answer.get("deployedModelId")
        if serving is None or (number and number not in serving.versions):
            serving = await self._read_serving(model)
        answered = serving.versions.get(number) if number else serving.by_name(serving.default)
        if version is not None and answered is not None and answered.spec.name != version:
            del self._serving[model]  # the default was changed meanwhile
            raise _without_traffic(version)
        return _rows(answer["predictions"], answered, signature_name)

    async def raw_predict(self, model: str, body: bytes, *, version: str | None) -> RawAnswer:
        endpoint = await self._models.endpoints.name(model)
        await self._checked_serving(model, version)
        try:
            answer: RawAnswer = await self._send(f"{ENDPOINTS}.rawPredict", {"endpoint": endpoint}, body)
        except CloudError as error:
            raise await self._explain(model, version, error) from error
        return answer

    async def _checked_serving(self, model: str, version: str | None) -> Serving | None:
        """The deployed versions, if they are known.

        Raises:
            NotFound: no such version.
            FailedPrecondition: the version is not the one that gets the traffic.
        """
        serving = self._serving.get(model)
        if version is not None and (serving is None or serving.default != version):
            serving = await self._read_serving(model)
            await self._check_default(model, version, serving)
        return serving

    async def _read_serving(self, model: str) -> Serving:
        serving = self._serving[model] = await self._models.serving(model)
        return serving

    async def _check_default(self, model: str, version: str, serving: Serving) -> None:
        if serving.default == version:
            return
        found = await self._models.get_version(model, version)
        if found.state is not VersionState.READY:
            raise FailedPrecondition(f"version {version!r} is {found.state.value}: {found.error_message}", field="name")
        raise _without_traffic(version)

    async def _explain(self, model: str, version: str | None, error: CloudError) -> CloudError:
        """The cause of a failed prediction: no such model, no default version, or the model's own error."""
        if isinstance(error, Unavailable | PredictionFailed):
            return error
        serving = await self._read_serving(model)
        if version is None and serving.default is None:
            return FailedPrecondition(f"model {model!r} has no default version", field="name")
        return PredictionFailed(error.message) if isinstance(error, InvalidArgument) else error


def _without_traffic(version: str) -> FailedPrecondition:
    return FailedPrecondition(
        f"version {version!r} gets no traffic, and Vertex AI has no way to ask it: make it the default version, or "
        "deploy it to a model of its own",
        field="name",
    )


def _rows(predictions: Sequence[Json], version: Registered | None, signature_name: str | None) -> list[Json]:
    """Predictions as objects: TensorFlow Serving omits the name of a single output."""
    if version is None:
        return list(predictions)
    names = version.outputs.get(signature(version.outputs, signature_name), [])
    if len(names) != 1:
        return list(predictions)
    name = names[0]
    return [row if isinstance(row, dict) and name in row else {name: row} for row in predictions]
