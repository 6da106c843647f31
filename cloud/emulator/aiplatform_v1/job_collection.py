"""What the handlers of all kinds of jobs share: how a job of the backend is shown, cancelled and deleted."""

from typing import ClassVar
from urllib.parse import quote

from cloud.emulator.aiplatform_v1.collection import Collection
from cloud.emulator.aiplatform_v1.messages import times
from cloud.emulator.rest.call import Call
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


class JobCollection(Collection):
    """The id of a record is that of the backend's job."""

    KIND: ClassVar[str]
    """In messages: ``CustomJob``."""

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
                f"The {self.KIND} is {_state(job)}: cancel it, and delete it when it has ended.", field="name"
            )

    def status(self, record: Record, job: Job) -> dict[str, Json]:
        """State, times and error."""
        changed = max(filter(None, (record.update_time, job.start_time, job.end_time)))
        return {
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
