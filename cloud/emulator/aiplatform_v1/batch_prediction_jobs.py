"""``aiplatform.projects.locations.batchPredictionJobs.*``."""

from collections.abc import Mapping

from cloud.emulator.aiplatform_v1.artifacts import check_artifacts, check_container, framework, serving_stack
from cloud.emulator.aiplatform_v1.job_collection import JobCollection
from cloud.emulator.aiplatform_v1.models import ModelMethods
from cloud.emulator.aiplatform_v1.project import Project, check_described
from cloud.emulator.aiplatform_v1.quotas import check_accelerators
from cloud.emulator.aiplatform_v1.tables import SERVING_MACHINES
from cloud.emulator.rest.call import Call
from cloud.emulator.rest.intents import make_noted
from cloud.emulator.rest.lists import Item
from cloud.emulator.rest.records import Record
from cloud.errors import FailedPrecondition, InvalidArgument
from cloud.lifecycle import JobState
from cloud.names import GsUri
from cloud.resources import Job, Json
from cloud.wire.vertex_prediction import PredictionModel, batch_prediction_spec, outcome

_FIELDS = (
    "displayName",
    "model",
    "unmanagedContainerModel",
    "inputConfig",
    "instanceConfig",
    "modelParameters",
    "outputConfig",
    "dedicatedResources",
    "manualBatchTuningParameters",
    "serviceAccount",
    "labels",
    "encryptionSpec",
    "disableContainerLogging",
)
_PLACE = "batch_prediction_job"
_UNMANAGED = "unmanagedContainerModel"


class BatchPredictionJobMethods(JobCollection):
    NAME, KIND = "batchPredictionJobs", "BatchPredictionJob"

    def __init__(self, project: Project, models: ModelMethods) -> None:
        super().__init__(project)
        self._models = models

    async def create(self, call: Call) -> Json:
        body, location, number = call.body, call.ids[1], str(self._project.new_id())
        check_described(body, _PLACE)
        account = body.get("serviceAccount", "")
        await self._project.run_as.check(call.principal, account, f"{_PLACE}.service_account")
        if body.get("generateExplanation") or "explanationSpec" in body:
            raise InvalidArgument(
                "Models give predictions and no attributions: compute them in the program or in a job, with a library "
                "such as SHAP.",
                field=f"{_PLACE}.generate_explanation",
            )
        self._check_machines(body.get("dedicatedResources", {}))
        model, found = await self._model(body)
        spec = batch_prediction_spec(number, body, model, location=location)
        fields = {name: body[name] for name in _FIELDS if name in body} | found
        record = self._records.add(f"locations/{location}/{self.NAME}/{number}", fields)
        job = await make_noted(lambda: self._backend.submit_job(spec), undo=lambda: self._records.remove(record.name))
        return self._json(record, job)

    async def delete(self, call: Call) -> Json:
        record = self._records.get(call.below_project)
        await self.check_deletable(record)
        self._records.remove(record.name)
        # No client knows operations below these jobs.
        return self._project.completed(f"locations/{record.location}", "Delete")

    async def to_json(self, record: Record) -> Item:
        return self._json(record, await self._backend.get_job(record.id))

    def _json(self, record: Record, job: Job) -> dict[str, Json]:
        counts, is_final = job.predictions, job.state.is_final
        done = outcome(counts, is_complete=job.state is JobState.SUCCEEDED) if counts else {}
        if not is_final:  # Google's are there at the end
            done.pop("completionStats", None)
        return {
            "name": self._project.full_name(record.name),
            **record.fields,
            **done,
            **self.status(record, job),
        }

    async def _model(self, body: Mapping[str, Json]) -> tuple[PredictionModel, dict[str, Json]]:
        """The job's model, and what the resource says of it.

        Raises:
            CloudError: there is none, or it is none that is served here.
        """
        named = [name for name in ("model", _UNMANAGED) if body.get(name)]
        if len(named) != 1:
            raise InvalidArgument(
                f"Exactly one of model and unmanagedContainerModel is required, not {len(named)}.",
                field=f"{_PLACE}.model",
            )
        if named == [_UNMANAGED]:
            return await self._unmanaged(body[_UNMANAGED]), {}
        if "publishers/" in body["model"]:
            raise InvalidArgument(
                "No model of Google's runs here: upload a model of your own (models:upload), and name that.",
                field=f"{_PLACE}.model",
            )
        name = self._project.own_name(body["model"], "models", f"{_PLACE}.model")
        version = self._models.find(name)
        shown = {"model": self._project.full_name(name), "modelVersionId": version.name.rpartition("@")[2]}
        return _prediction_model(version.fields, self._models.display_name(version)), shown

    async def _unmanaged(self, given: Mapping[str, Json]) -> PredictionModel:
        try:
            check_container(given)
            await check_artifacts(self._backend, given)
        except (InvalidArgument, FailedPrecondition) as error:
            field = (error.field or "").replace("model", f"{_PLACE}.unmanaged_container_model", 1)
            raise type(error)(error.message, field=field) from error
        return _prediction_model(given, "unmanaged-container-model")

    def _check_machines(self, given: Mapping[str, Json]) -> None:
        place = f"{_PLACE}.dedicated_resources"
        machine = given.get("machineSpec", {})
        name = machine.get("machineType", "n1-standard-2")
        if name not in SERVING_MACHINES:
            raise InvalidArgument(
                f"Machine type {name[:60]} is not supported.", field=f"{place}.machine_spec.machine_type"
            )
        check_accelerators("Serving", [machine], abilities=self._backend.abilities, field=f"{place}.machine_spec")
        starting, most = given.get("startingReplicaCount", 1), given.get("maxReplicaCount", 10)
        if starting < 1 or most < starting:
            raise InvalidArgument(
                f"There is at least 1 replica, and the maximum is no smaller than that: {starting}, {most}.",
                field=f"{place}.starting_replica_count",
            )


def _prediction_model(given: Mapping[str, Json], display_name: str) -> PredictionModel:
    """Args:
    given: the fields ``artifactUri`` and ``containerSpec``.
    """
    container = given["containerSpec"]
    return PredictionModel(
        display_name=display_name,
        uri=GsUri.parse(given["artifactUri"], f"{_PLACE}.model"),
        image=container["imageUri"],
        framework=framework(container),
        serving_stack=serving_stack(container),
    )
