"""``aiplatform.projects.locations.customJobs.*``."""

from collections.abc import Mapping
from urllib.parse import quote

from cloud.emulator.aiplatform_v1.collection import Collection
from cloud.emulator.aiplatform_v1.job_spec import job_spec
from cloud.emulator.aiplatform_v1.messages import times
from cloud.emulator.aiplatform_v1.project import check_described
from cloud.emulator.rest.call import Call
from cloud.emulator.rest.intents import make_noted
from cloud.emulator.rest.lists import Item
from cloud.emulator.rest.records import Record
from cloud.errors import FailedPrecondition
from cloud.lifecycle import JobState
from cloud.resources import Job, Json

_STATES = {
    JobState.QUEUED: "QUEUED",
    JobState.PREPARING: "PENDING",
    JobState.RUNNING: "RUNNING",
    JobState.SUCCEEDED: "SUCCEEDED",
    JobState.FAILED: "FAILED",
    JobState.CANCELLING: "CANCELLING",
    JobState.CANCELLED: "CANCELLED",
}
_CANCELLED, _FAILED = 1, 3
"""``google.rpc.Code`` of a job's error; which one Google gives a failed job is not published."""
_FIELDS = ("displayName", "jobSpec", "labels", "encryptionSpec")


class CustomJobMethods(Collection):
    NAME = "customJobs"

    async def create(self, call: Call) -> Json:
        check_described(call.body, "custom_job")
        await self.check_account(call, call.body.get("jobSpec", {}))
        record, job = await self.begin(call.ids[1], str(self._project.new_id()), call.body)
        return self.json(record, job)

    async def check_account(self, call: Call, spec: Mapping[str, Json]) -> None:
        """Raises:
        InvalidArgument, PermissionDenied: the caller may not have the ``CustomJobSpec`` run as its account.
        """
        await self._project.run_as.check(call.principal, spec.get("serviceAccount", ""), "job_spec.service_account")

    async def begin(self, location: str, number: str, body: Mapping[str, Json]) -> tuple[Record, Job]:
        """Submit the job that a ``CustomJob`` describes, under a new id.

        Raises:
            InvalidArgument, QuotaFailure: see ``job_spec``.
        """
        spec = job_spec(
            number,
            body.get("jobSpec", {}),
            location=location,
            accelerators=self._backend.abilities.accelerators,
        )
        fields = {name: body[name] for name in _FIELDS if name in body}
        record = self._records.add(f"locations/{location}/customJobs/{number}", fields)
        job = await make_noted(lambda: self._backend.submit_job(spec), undo=lambda: self._records.remove(record.name))
        return record, job

    async def to_json(self, record: Record) -> Item:
        return self.json(record, await self._backend.get_job(record.id))

    async def cancel(self, call: Call) -> Json:
        """Of a finished job, too, as Google's description has it: nothing happens to it."""
        job = await self._backend.get_job(self._records.get(call.below_project).id)
        if not job.state.is_final:
            await self._backend.cancel_job(job.job_id)
        return {}

    async def check_deletable(self, record: Record) -> None:
        job = await self._backend.get_job(record.id)
        if not job.state.is_final:
            raise FailedPrecondition(
                f"The CustomJob is {_state(job)}: cancel it, and delete it when it has ended.", field="name"
            )

    def json(self, record: Record, job: Job) -> dict[str, Json]:
        """``CustomJob``."""
        changed = max(filter(None, (record.update_time, job.start_time, job.end_time)))
        return {
            "name": self._project.full_name(record.name),
            **record.fields,
            "state": _state(job),
            **times(createTime=record.create_time, updateTime=changed, startTime=job.start_time, endTime=job.end_time),
            **({"error": error} if (error := self.error(job)) else {}),
        }

    def error(self, job: Job) -> dict[str, Json] | None:
        """The ``google.rpc.Status`` of a job that FAILED or was CANCELLED."""
        if job.state is JobState.CANCELLED:
            return {"code": _CANCELLED, "message": job.error_message or "The job was cancelled."}
        if job.state is not JobState.FAILED:
            return None
        text = job.error_message
        if text.startswith("The replica "):
            text += f"\nTo find out more about why your job exited please check the logs: {self._logs(job.job_id)}"
        return {"code": _FAILED, "message": text}

    def _logs(self, number: str) -> str:
        wanted = quote(f'resource.type="ml_job"\nresource.labels.job_id="{number}"', safe="")
        return (
            f"https://console.cloud.google.com/logs/viewer?project={self._project.number}"
            f"&resource=ml_job%2Fjob_id%2F{number}&advancedFilter={wanted}"
        )


def _state(job: Job) -> str:
    return f"JOB_STATE_{_STATES[job.state]}"
