"""``Transport``: calls Google's methods by id."""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

from cloud.backends.google.methods import Request, request
from cloud.resources import Json

T = TypeVar("T")
FindExisting = Callable[[], Awaitable[Json]]
"""Returns what a request that may have been accepted has created; None if nothing."""
_PAGE_SIZE = 100


class Transport(ABC):
    """Calls Google's methods for one project and region."""

    def __init__(self, region: str) -> None:
        self._region = region

    async def send(
        self,
        method_id: str,
        params: Mapping[str, Json] | None = None,
        body: Json = None,
        *,
        find_existing: FindExisting | None = None,
    ) -> Json:
        """Send a request; returns the JSON of the response.

        If ``body`` is bytes, for a model server, the response is a ``RawAnswer``: what that server answered.

        Transient failures are retried. A request that is not idempotent has ``find_existing``, which is called before
        each retry; if it finds something, that is returned.

        Raises:
            CloudError: with Google's code and message.
            Unavailable: the host cannot be reached.
        """
        return await self._exchange(request(method_id, params or {}, body, region=self._region), find_existing)

    async def pages(self, method_id: str, params: Mapping[str, Json], items: str) -> list[Json]:
        """The items in the field ``items`` of all pages of a list."""
        found: list[Json] = []
        token = None
        while True:
            page = await self.send(method_id, {**params, "pageSize": _PAGE_SIZE, "pageToken": token})
            found += page.get(items, [])
            token = page.get("nextPageToken")
            if not token:
                return found

    @abstractmethod
    async def _exchange(self, request: Request, find_existing: FindExisting | None) -> Json: ...

    async def close(self) -> None:  # noqa: B027 - optional: not every transport has connections
        """Close connections."""
