"""``aiplatform.projects.locations.customJobs.*``."""

from collections.abc import Mapping

from cloud.emulator.aiplatform_v1.job_collection import JobCollection
from cloud.emulator.aiplatform_v1.job_spec import job_spec
from cloud.emulator.aiplatform_v1.project import check_described
from cloud.emulator.rest.call import Call
from cloud.emulator.rest.intents import make_noted
from cloud.emulator.rest.lists import Item
from cloud.emulator.rest.records import Record
from cloud.resources import Job, Json

_FIELDS = ("displayName", "jobSpec", "labels", "encryptionSpec")


class CustomJobMethods(JobCollection):
    NAME, KIND = "customJobs", "CustomJob"

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
            abilities=self._backend.abilities,
            images=self._project.images,
        )
        fields = {name: body[name] for name in _FIELDS if name in body}
        record = self._records.add(f"locations/{location}/customJobs/{number}", fields)
        job = await make_noted(lambda: self._backend.submit_job(spec), undo=lambda: self._records.remove(record.name))
        return record, job

    async def to_json(self, record: Record) -> Item:
        return self.json(record, await self._backend.get_job(record.id))

    def json(self, record: Record, job: Job) -> dict[str, Json]:
        """``CustomJob``."""
        return {"name": self._project.full_name(record.name), **record.fields, **self.status(record, job)}
