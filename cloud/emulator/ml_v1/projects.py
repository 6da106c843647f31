"""What belongs to the project as a whole: its configuration, operations and locations."""

from collections.abc import Sequence
from dataclasses import replace

from cloud.emulator.ml_v1.messages import operation_json
from cloud.emulator.ml_v1.project import Project
from cloud.emulator.ml_v1.tables import REGIONS
from cloud.emulator.rest.call import Call
from cloud.emulator.rest.lists import fields_of, list_page, of_items
from cloud.errors import NotFound
from cloud.resources import Json

_METADATA = "GoogleCloudMlV1__OperationMetadata"


class ProjectMethods:
    def __init__(self, project: Project) -> None:
        self._project = project

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
        def find(path: str) -> Sequence[str] | None:
            head, _, below = path.partition(".")
            if head != "metadata" or not below:
                return fields(path)
            found = call.schemas.json_path(_METADATA, below)
            return None if found is None else [head, *found]

        fields, project = fields_of(call, "operations"), self._project
        operations = of_items(
            project.operations.all(),
            lambda operation: operation.name,
            lambda operation: operation_json(project.id, operation),
            is_sorted=False,
        )
        return await list_page(call, "operations", operations, find=find)

    async def cancel_operation(self, call: Call) -> Json:
        """Only requests it: the operation is cancelled when its present step is done."""
        operation = self._project.operations.get(call.ids[1])
        if not operation.is_done:
            metadata = {**operation.metadata, "isCancellationRequested": True}
            self._project.operations.update(replace(operation, metadata=metadata))
        return {}

    async def no_operation(self, call: Call) -> Json:
        raise NotFound(f"There are no operations in a location: {call.name[:300]!r}.", field="name")

    # ---------------------------------------------------------------- locations

    async def get_location(self, call: Call) -> Json:
        region = call.ids[1]
        if region not in REGIONS:
            raise NotFound(f"The location {region[:60]!r} is not one of {', '.join(REGIONS)}.", field="name")
        return self._location(region)

    async def list_locations(self, call: Call) -> Json:
        return await list_page(call, "locations", of_items(REGIONS, str, self._location))

    def _location(self, region: str) -> dict[str, Json]:
        kinds = ("TRAINING", "ONLINE_PREDICTION")
        name = f"projects/{self._project.id}/locations/{region}"
        return {"name": name, "capabilities": [{"type": kind} for kind in kinds]}
