"""``cloudbuild.projects.builds.*`` and ``cloudbuild.projects.locations.builds.*``: builds, and their operations."""

import uuid

from cloud.backends.base import Backend
from cloud.emulator.cloudbuild_v1.addresses import logs_bucket
from cloud.emulator.cloudbuild_v1.messages import build_json, build_of, operation_json
from cloud.emulator.cloudbuild_v1.records import BUILD, UNDER_WAY
from cloud.emulator.cloudbuild_v1.requests import Origin, accepted, service_account
from cloud.emulator.cloudbuild_v1.runs import Runs
from cloud.emulator.rest.call import Call
from cloud.emulator.rest.lists import Item, list_page, of_records
from cloud.emulator.rest.records import Record, Records
from cloud.emulator.rest.run_as import RunAs
from cloud.errors import FailedPrecondition, InvalidArgument, NotFound, Unimplemented
from cloud.names import GsUri
from cloud.resources import Json

_REGIONAL_LOGS = "_cloudbuild/logs"


class BuildMethods:
    """
    Args:
        run_as: None: no build names an account.
    """

    def __init__(self, backend: Backend, number: int, records: Records, runs: Runs, run_as: RunAs | None) -> None:
        self._backend, self._number, self._records, self._runs = backend, number, records, runs
        self._run_as = run_as

    async def create(self, call: Call) -> Json:
        location = call.ids[1]
        origin = Origin(self._backend.project, self._number, location, str(uuid.uuid4()))
        build = accepted(call.body, origin)
        if self._run_as and (account := build.get("serviceAccount")):
            await self._run_as.check(call.principal, service_account(account), "build.service_account")
        await self._check_logs(build.get("logsBucket", ""))
        record = self._records.add(
            f"locations/{location}/builds/{origin.build}", {BUILD: {**build, "status": "QUEUED"}, UNDER_WAY: True}
        )
        self._runs.submit(record)
        return operation_json(self._json(record), location)

    async def get(self, call: Call) -> Json:
        return self._json(self._find(call.below_project))

    async def list(self, call: Call) -> Json:
        return await list_page(call, "builds", of_records(self._records, f"{call.below_project}/builds", self._json))

    async def cancel(self, call: Call) -> Json:
        record = self._find(call.below_project)
        if not record.fields.get(UNDER_WAY):
            raise FailedPrecondition(
                f"The build {record.id} has ended with {record.fields[BUILD]['status']}: it cannot be cancelled."
            )
        await self._runs.cancel(record.name)
        return self._json(self._records.get(record.name))

    async def retry(self, call: Call) -> Json:
        raise Unimplemented(
            f"{call.method.id} is not emulated: submit the build again, from the source that it names.",
            method=call.method.id,
        )

    async def operation(self, call: Call) -> Json:
        record = self._of_operation(call)
        return operation_json(self._json(record), record.location)

    async def cancel_operation(self, call: Call) -> Json:
        await self._runs.cancel(self._of_operation(call).name)
        return {}

    def _of_operation(self, call: Call) -> Record:
        parts = call.name.split("/")
        location = parts[3] if parts[0] == "projects" else "global"
        return self._find(f"locations/{location}/builds/{build_of(parts[-1])}")

    def _find(self, name: str) -> Record:
        try:
            return self._records.get(name)
        except NotFound:
            raise NotFound(f"Requested entity was not found: there is no build {name[:200]}.") from None

    async def _check_logs(self, bucket: str) -> None:
        """Raises:
        InvalidArgument: there is no such bucket.
        """
        if not bucket or bucket == f"gs://{logs_bucket(self._number)}":
            return
        name = GsUri.parse(bucket).bucket
        if await self._backend.bucket_exists(name):
            return
        if not bucket.endswith(_REGIONAL_LOGS):
            raise InvalidArgument(f"There is no bucket {name!r}: make it before the build.", field="build.logs_bucket")
        await self._backend.create_bucket(name)  # as Google does for REGIONAL_USER_OWNED_BUCKET

    def _json(self, record: Record) -> Item:
        return build_json(self._backend.project, self._number, record)
