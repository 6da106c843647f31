"""What belongs to the project as a whole: its configuration, operations and locations."""

from dataclasses import replace

from cloud.emulator.ml_v1.messages import operation_json
from cloud.emulator.ml_v1.project import Project
from cloud.emulator.ml_v1.tables import REGIONS
from cloud.emulator.rest.call import Call
from cloud.emulator.rest.lists import in_chunks
from cloud.errors import NotFound
from cloud.resources import Json

_OPERATION, _METADATA = "GoogleLongrunning__Operation", "GoogleCloudMlV1__OperationMetadata"


class ProjectMethods:
    def __init__(self, project: Project) -> None:
        self._project, self._lists = project, project.lists

    async def get_config(self, _: Call) -> Json:
        tenant = self._project.tenant_number
        return {
            "serviceAccount": await self._project.backend.ml_service_account(),
            "serviceAccountProject": str(tenant),
            "config": {"tpuServiceAccount": f"service-{tenant}@cloud-tpu.iam.gserviceaccount.com"},
        }

    # ---------------------------------------------------------------- operations

    async def get_operation(self, call: Call) -> Json:
        return operation_json(self._project.id, self._project.operations.get(call.ids[1]))

    async def list_operations(self, call: Call) -> Json:
        answers = [operation_json(self._project.id, operation) for operation in self._project.operations.all()]
        return await self._lists.page(
            call, "operations", self._path_in_operation, in_chunks(answers, "name", in_order=False)
        )

    async def cancel_operation(self, call: Call) -> Json:
        """Only asks: what is under way sees it when its present step is done."""
        operation = self._project.operations.get(call.ids[1])
        if not operation.is_done:
            metadata = {**operation.metadata, "isCancellationRequested": True}
            self._project.operations.update(replace(operation, metadata=metadata))
        return {}

    async def no_operation(self, call: Call) -> Json:
        raise NotFound(f"There are no operations in a location: {call.name[:300]!r}.", field="name")

    def _path_in_operation(self, path: str) -> list[str] | None:
        head, _, rest = path.partition(".")
        if head == "metadata" and rest:
            below = self._lists.schemas.json_path(_METADATA, rest)
            return None if below is None else [head, *below]
        return self._lists.schemas.json_path(_OPERATION, path)

    # ---------------------------------------------------------------- locations

    async def get_location(self, call: Call) -> Json:
        region = call.ids[1]
        if region not in REGIONS:
            raise NotFound(f"The location {region[:60]!r} is not one of {', '.join(REGIONS)}.", field="name")
        return self._location(region)

    async def list_locations(self, call: Call) -> Json:
        found = in_chunks(map(self._location, REGIONS), "name")
        return await self._lists.answer(call, "locations", "GoogleCloudMlV1__Location", found)

    def _location(self, region: str) -> dict[str, Json]:
        kinds = ("TRAINING", "ONLINE_PREDICTION")
        name = f"projects/{self._project.id}/locations/{region}"
        return {"name": name, "capabilities": [{"type": kind} for kind in kinds]}
