"""``Deferred``: an API that is loaded with the first request for it."""

from collections.abc import Callable
from typing import Generic, TypeVar, cast

from aiohttp import web

from cloud.emulator.mounts import EmulatedApi
from cloud.engine.principal import Principal

A = TypeVar("A", bound=EmulatedApi)


class Deferred(Generic[A]):
    """See ``EmulatedApi``. Most programs use few of the APIs that there are.

    Args:
        make: imports and makes it.
    """

    def __init__(self, make: Callable[[], A]) -> None:
        self._make, self._api = make, cast("A | None", None)

    def load(self) -> A:
        """The API, made if it was not."""
        if self._api is None:
            self._api = self._make()
        return self._api

    def method_id(self, request: web.Request) -> str:
        return self.load().method_id(request)

    async def handle(self, request: web.Request, principal: Principal) -> web.StreamResponse:
        return await self.load().handle(request, principal)
