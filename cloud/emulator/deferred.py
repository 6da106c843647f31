"""``Deferred``: an API that is loaded with the first request for it."""

import asyncio
import importlib
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar, cast

from aiohttp import web

from cloud.emulator.mounts import EmulatedApi
from cloud.engine.principal import Principal

A = TypeVar("A", bound=EmulatedApi)


class Deferred(Generic[A]):
    """See ``EmulatedApi``. Most programs use few of the APIs that there are.

    Args:
        modules: what ``make`` and its first requests import. They are imported in a thread, which takes longer than the
            event loop may pause.
        make: makes it.
    """

    def __init__(self, modules: Sequence[str], make: Callable[[], A]) -> None:
        self._modules = modules
        self._make, self._api = make, cast("A | None", None)

    async def prepare(self) -> None:
        """Import the modules, if that has not been done. To be called before each request."""
        if self._modules:
            await asyncio.to_thread(lambda names: list(map(importlib.import_module, names)), self._modules)
            self._modules = ()

    def load(self) -> A:
        """The API, made if it was not."""
        if self._api is None:
            self._api = self._make()
        return self._api

    def method_id(self, request: web.Request) -> str:
        return self.load().method_id(request)

    async def handle(self, request: web.Request, principal: Principal) -> web.StreamResponse:
        return await self.load().handle(request, principal)
