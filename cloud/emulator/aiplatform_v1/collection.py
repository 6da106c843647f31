"""What the handlers of all recorded resources share: ``get``, ``list`` and ``delete``."""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from typing import ClassVar

from cloud.emulator.aiplatform_v1.project import Project
from cloud.emulator.rest.call import Call
from cloud.emulator.rest.lists import Item, list_page, of_records
from cloud.emulator.rest.records import Record
from cloud.errors import NotFound
from cloud.resources import Json


class Collection(ABC):
    NAME: ClassVar[str]
    """In paths and in responses of ``list``: ``customJobs``."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._backend, self._records = project.backend, project.records

    @abstractmethod
    async def to_json(self, record: Record) -> Item:
        """The resource's message.

        Raises:
            NotFound: the backend has no such resource.
        """

    @abstractmethod
    async def check_deletable(self, record: Record) -> None:
        """Raises:
        FailedPrecondition: it cannot be deleted in its present state.
        """

    async def get(self, call: Call) -> Json:
        return await self.to_json(self._records.get(call.below_project))

    async def list(self, call: Call) -> Json:
        return await self._list(call, f"{call.below_project}/{self.NAME}", self.to_json)

    async def delete(self, call: Call) -> Json:
        record = self._records.get(call.below_project)
        await self.check_deletable(record)
        self._records.remove(record.name)
        return self._project.completed(record.name, "Delete")

    async def _list(self, call: Call, parent: str, to_json: Callable[[Record], Awaitable[Item]]) -> Json:
        """Lists the records below ``parent``, except those whose resource the backend does not have."""

        async def shown(record: Record) -> Item | None:
            try:
                return await to_json(record)
            except NotFound:
                return None

        records = of_records(self._records, parent, shown)
        return await list_page(call, self.NAME, records, kind=self.NAME.removesuffix("s"))
