"""Operations, wherever they are: below a location or a resource, under ``/v1`` and ``/ui``; and locations."""

import asyncio

from cloud.emulator.aiplatform_v1.project import Project
from cloud.emulator.aiplatform_v1.tables import REGIONS
from cloud.emulator.rest.call import Call
from cloud.emulator.rest.lists import list_page, of_items
from cloud.errors import InvalidArgument
from cloud.resources import Json

_LONGEST_WAIT = 60.0
"""Seconds of ``wait`` without a time limit; the service has one that it does not publish."""


class OperationMethods:
    def __init__(self, project: Project) -> None:
        self._project, self._operations = project, project.operations

    async def get(self, call: Call) -> Json:
        return self._project.operation_json(self._operations.get(call.below_project))

    async def list(self, call: Call) -> Json:
        """Those of the resource itself; of a location, all in it."""
        below = f"{call.below_project}/" + ("operations/" if len(call.ids) > 2 else "")
        found = [operation for operation in self._operations.all() if operation.name.startswith(below)]
        found.sort(key=lambda operation: operation.name)
        operations = of_items(found, lambda operation: operation.name, self._project.operation_json)
        return await list_page(call, "operations", operations)

    async def cancel(self, call: Call) -> Json:
        """Does nothing: cancelling is best effort at Google, too."""
        self._operations.get(call.below_project)
        return {}

    async def delete(self, call: Call) -> Json:
        operation = self._operations.get(call.below_project)
        if not operation.is_done:
            raise InvalidArgument("The operation is under way: wait for its end.", field="name")
        self._operations.remove(operation.name)
        return {}

    async def wait(self, call: Call) -> Json:
        """Answers when the operation is done, or with the unfinished one after ``timeout``."""
        limit = float(call.query.get("timeout", f"{_LONGEST_WAIT}s").removesuffix("s"))
        name = call.below_project
        try:
            async with asyncio.timeout(max(0.0, min(limit, _LONGEST_WAIT))):
                while not self._operations.get(name).is_done:
                    await self._project.changes.next().wait()
        except TimeoutError:
            pass  # the response is the unfinished operation
        return self._project.operation_json(self._operations.get(name))


class LocationMethods:
    def __init__(self, project: Project) -> None:
        self._project = project

    async def get(self, call: Call) -> Json:
        return self._json(call.ids[1])

    async def list(self, call: Call) -> Json:
        return await list_page(call, "locations", of_items(sorted(REGIONS), str, self._json))

    def _json(self, region: str) -> dict[str, Json]:
        return {"name": self._project.full_name(f"locations/{region}"), "locationId": region}
