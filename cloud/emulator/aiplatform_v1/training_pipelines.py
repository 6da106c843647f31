"""``aiplatform.projects.locations.trainingPipelines.*``: a custom job, and the upload of what it made.

It is what the SDK's ``CustomTrainingJob`` and ``CustomPythonPackageTrainingJob`` make. Inputs: the schema
``gs://google-cloud-aiplatform/schema/trainingjob/definition/custom_task_1.0.0.yaml``, a ``CustomJobSpec`` whose numbers
are doubles.
"""

from collections.abc import Mapping

from cloud.emulator.aiplatform_v1.artifacts import check_container
from cloud.emulator.aiplatform_v1.collection import Collection
from cloud.emulator.aiplatform_v1.custom_jobs import CustomJobMethods
from cloud.emulator.aiplatform_v1.messages import times
from cloud.emulator.aiplatform_v1.models import ModelMethods
from cloud.emulator.aiplatform_v1.project import Project, check_described
from cloud.emulator.rest.call import Call
from cloud.emulator.rest.intents import make_noted
from cloud.emulator.rest.lists import Item
from cloud.emulator.rest.records import Record
from cloud.errors import FailedPrecondition, InvalidArgument, NotFound
from cloud.lifecycle import JobState
from cloud.names import GsUri
from cloud.resources import Job, Json

_FIELDS = (
    "displayName",
    "trainingTaskDefinition",
    "trainingTaskInputs",
    "modelToUpload",
    "modelId",
    "parentModel",
    "labels",
    "encryptionSpec",
)
_CUSTOM_TASK = "gs://google-cloud-aiplatform/schema/trainingjob/definition/custom_task_1.0.0.yaml"
_INPUTS = "training_pipeline.training_task_inputs"
_STATES = {JobState.QUEUED: "PENDING", JobState.PREPARING: "RUNNING"}
"""Of a pipeline, where they are not those of its job."""


class TrainingPipelineMethods(Collection):
    NAME = "trainingPipelines"

    def __init__(self, project: Project, jobs: CustomJobMethods, models: ModelMethods) -> None:
        super().__init__(project)
        self._jobs, self._models = jobs, models

    def start(self) -> None:
        """Resume the pipelines that an earlier process left unfinished."""
        for record in self._records.marked("unfinished"):
            self._follow(record)

    async def create(self, call: Call) -> Json:
        body, location = call.body, call.ids[1]
        check_described(body, "training_pipeline")
        if body.get("trainingTaskDefinition") != _CUSTOM_TASK:
            raise InvalidArgument(
                f"Only custom training is done here ({_CUSTOM_TASK}), "
                f"not {body.get('trainingTaskDefinition', '')[:200]!r}.",
                field="training_pipeline.training_task_definition",
            )
        if "inputDataConfig" in body:
            raise InvalidArgument(
                "There are no managed datasets here: hand the trainer a gs:// path.",
                field="training_pipeline.input_data_config",
            )
        # The Python SDK's ``args`` may have numbers, which this field without a schema carries as they are.
        spec = call.schemas.read(
            "GoogleCloudAiplatformV1CustomJobSpec",
            body.get("trainingTaskInputs", {}),
            _INPUTS,
            numbers_as_texts=True,
        )
        await self._jobs.check_account(call, spec)
        model = body.get("modelToUpload")
        if model is not None:
            check_described(model, "training_pipeline.model_to_upload")
            check_container(model)
            if place := model.get("artifactUri"):
                GsUri.parse(place, "training_pipeline.model_to_upload.artifact_uri")
            elif "baseOutputDirectory" not in spec:
                raise InvalidArgument(
                    "Where the trainer leaves its model is not known: give a base output directory, below which it is "
                    "in model/, or the artifact_uri of model_to_upload.",
                    field=f"{_INPUTS}.base_output_directory",
                )
            if "parentModel" in body:
                self._models.find(self._own_parent(body))
        described = {name: body[name] for name in ("displayName", "labels") if name in body}
        fields = {name: body[name] for name in _FIELDS if name in body}
        job, name = str(self._project.new_id()), f"locations/{location}/trainingPipelines/{self._project.new_id()}"
        # Written first, as every record is: a job is never there without its pipeline.
        record = self._records.add(name, fields | {"job": job, "unfinished": True})
        await make_noted(
            lambda: self._jobs.begin(location, job, described | {"jobSpec": spec}),
            undo=lambda: self._records.remove(name),
            settle=lambda: self._follow(record),
        )
        self._follow(record)
        return await self.to_json(record)

    async def cancel(self, call: Call) -> Json:
        job = await self._backend.get_job(self._records.get(call.below_project).fields["job"])
        if not job.state.is_final:
            await self._backend.cancel_job(job.job_id)
        return {}

    async def check_deletable(self, record: Record) -> None:
        if record.fields["unfinished"]:
            raise FailedPrecondition(
                "The TrainingPipeline is under way: cancel it, and delete it when it has ended.", field="name"
            )

    # ---------------------------------------------------------------- unfinished pipelines

    def _follow(self, record: Record) -> None:
        self._project.following.follow(
            record.name, lambda: self._see_through(record), lambda status: self._finish(record, {"uploadError": status})
        )

    async def _see_through(self, record: Record) -> None:
        try:
            job = await self._backend.wait_for_job(record.fields["job"])
        except NotFound:  # the process was killed before it submitted the job
            self._records.remove(record.name)
            return
        found: dict[str, Json] = {}
        if job.state is JobState.SUCCEEDED and "modelToUpload" in record.fields:
            found["uploaded"] = (await self._upload(record, job)).name
        self._finish(record, found)

    async def _upload(self, record: Record, job: Job) -> Record:
        base = job.training.base_output_directory
        model = record.fields["modelToUpload"]
        given = {
            **model,
            "artifactUri": model.get("artifactUri") or f"{base / 'model' if base else ''}/",
            "trainingPipeline": self._project.full_name(record.name),
        }
        made = self._models.trained_by(record.location, given["trainingPipeline"])
        if made is not None:  # by an earlier process, which was killed before it recorded that
            return made
        parent = self._own_parent(record.fields).partition("@")[0] if "parentModel" in record.fields else None
        return await self._models.add(record.location, given, model_id=record.fields.get("modelId"), parent=parent)

    def _finish(self, record: Record, found: Mapping[str, Json]) -> None:
        self._records.change(record, {**record.fields, **found, "unfinished": False})

    def _own_parent(self, fields: Mapping[str, Json]) -> str:
        return self._project.own_name(fields["parentModel"], "models", "training_pipeline.parent_model")

    # ---------------------------------------------------------------- JSON

    async def to_json(self, record: Record) -> Item:
        job = await self._backend.get_job(record.fields["job"])
        shown = {name: record.fields[name] for name in _FIELDS if name in record.fields}
        if "uploaded" in record.fields:
            name, _, version = record.fields["uploaded"].partition("@")
            shown["modelToUpload"] = {
                **shown["modelToUpload"],
                "name": self._project.full_name(name),
                "versionId": version,
            }
        job_name = self._project.full_name(f"locations/{record.location}/customJobs/{job.job_id}")
        unfinished = record.fields["unfinished"]
        changed = record.update_time
        answer: Item = {
            "name": self._project.full_name(record.name),
            **shown,
            "trainingTaskMetadata": {"backingCustomJob": job_name},
            "state": f"PIPELINE_STATE_{_state(record, job)}",
            **times(
                createTime=record.create_time,
                updateTime=max(changed, job.start_time or changed),
                startTime=job.start_time,
                endTime=None if unfinished else max(changed, job.end_time or changed),
            ),
        }
        error = record.fields.get("uploadError") or self._jobs.error(job)
        return answer | ({"error": error} if error and not unfinished else {})


def _state(record: Record, job: Job) -> str:
    if "uploadError" in record.fields:
        return "FAILED"
    if record.fields["unfinished"] and job.state.is_final:
        return "RUNNING" if job.state is not JobState.CANCELLED else "CANCELLING"
    return _STATES.get(job.state, job.state.value)
