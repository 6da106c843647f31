"""``Transport``: a call of one of Google's methods, from its id to its answer."""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

from cloud.backends.google.methods import Request, request
from cloud.resources import Json

T = TypeVar("T")
FindExisting = Callable[[], Awaitable[Json]]
"""What a request that may have been accepted already has made; None if nothing."""
_AT_ONCE = 16
_LARGEST_PAGE = 100


class Transport(ABC):
    """Calls Google's methods in the name of one project and region."""

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
        """The answer, as JSON.

        A request is sent again while its failure is transient. One that must not be done twice comes with
        ``find_existing``, which is called before it is sent again, and in place of its answer.

        Raises:
            CloudError: with Google's own code and message.
            Unavailable: nobody could be reached.
        """
        return await self._exchange(request(method_id, params or {}, body, region=self._region), find_existing)

    async def pages(self, method_id: str, params: Mapping[str, Json], items: str) -> list[Json]:
        """What the field ``items`` of all pages of a list holds."""
        found: list[Json] = []
        token = None
        while True:
            page = await self.send(method_id, {**params, "pageSize": _LARGEST_PAGE, "pageToken": token})
            found += page.get(items, [])
            token = page.get("nextPageToken")
            if not token:
                return found

    @abstractmethod
    async def _exchange(self, request: Request, find_existing: FindExisting | None) -> Json: ...

    async def close(self) -> None:  # noqa: B027 - one without connections has nothing to do
        """Let go of connections."""
