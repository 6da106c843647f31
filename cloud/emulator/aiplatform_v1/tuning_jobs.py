"""``aiplatform.projects.locations.hyperparameterTuningJobs.*``."""

from collections.abc import Mapping, Sequence

from cloud.emulator.aiplatform_v1.job_collection import JobCollection
from cloud.emulator.aiplatform_v1.job_spec import job_spec
from cloud.emulator.aiplatform_v1.project import check_described
from cloud.emulator.rest.call import Call
from cloud.emulator.rest.container_command import is_shell_script
from cloud.emulator.rest.container_images import words_of
from cloud.emulator.rest.intents import make_noted
from cloud.emulator.rest.lists import Item
from cloud.emulator.rest.records import Record
from cloud.resources import Job, Json
from cloud.wire.vertex_tuning import trial_json, tuning_spec

_FIELDS = (
    "displayName",
    "studySpec",
    "maxTrialCount",
    "parallelTrialCount",
    "maxFailedTrialCount",
    "trialJobSpec",
    "labels",
    "encryptionSpec",
)


class TuningJobMethods(JobCollection):
    NAME, KIND = "hyperparameterTuningJobs", "HyperparameterTuningJob"

    async def create(self, call: Call) -> Json:
        body, location, number = call.body, call.ids[1], str(self._project.new_id())
        check_described(body, "hyperparameter_tuning_job")
        trial_job = body.get("trialJobSpec", {})
        await self._project.run_as.check(
            call.principal, trial_job.get("serviceAccount", ""), "trial_job_spec.service_account"
        )
        training = job_spec(
            number,
            trial_job,
            location=location,
            abilities=self._backend.abilities,
            images=self._project.images,
            field="trial_job_spec",
            adds_args=True,
        )
        is_shell = is_shell_script(self._words(trial_job["workerPoolSpecs"][0].get("containerSpec", {})))
        spec = tuning_spec(training, body, reaches_program=not is_shell)
        fields = {name: body[name] for name in _FIELDS if name in body}
        record = self._records.add(f"locations/{location}/{self.NAME}/{number}", fields)
        job = await make_noted(lambda: self._backend.submit_job(spec), undo=lambda: self._records.remove(record.name))
        return self._json(record, job)

    def _words(self, container: Mapping[str, Json]) -> Sequence[str]:
        command, args = container.get("command", ()), container.get("args", ())
        image = self._project.images(container.get("imageUri", ""))
        return [*command, *args] if image is None else words_of(image, command, args, adds_args=True)

    async def to_json(self, record: Record) -> Item:
        return self._json(record, await self._backend.get_job(record.id))

    def _json(self, record: Record, job: Job) -> dict[str, Json]:
        return {
            "name": self._project.full_name(record.name),
            **record.fields,
            **({"trials": [trial_json(trial) for trial in job.trials]} if job.trials else {}),
            **self.status(record, job),
        }
