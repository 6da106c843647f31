"""gcloud-aio-storage as ``StorageClient`` uses it."""

import inspect
from collections.abc import Awaitable, Callable
from typing import Any, cast

import aiohttp
from gcloud.aio.auth import Token
from gcloud.aio.storage import Storage


class GcloudAioStorage(Storage):
    """Its client with ``bearer`` as its credentials: it would send hosts other than Google's none.

    Args:
        bearer: returns the current token.
        session: closed with this.
    """

    def __init__(
        self, base_url: str, bearer: Callable[[], str | Awaitable[str]], session: aiohttp.ClientSession
    ) -> None:
        super().__init__(api_root=base_url, token=cast(Token, bearer), session=cast(Any, session))
        self._bearer, self._http = bearer, session

    async def _headers(self) -> dict[str, str]:
        token = self._bearer()
        return {"Authorization": f"Bearer {await token if inspect.isawaitable(token) else token}"}

    async def close(self) -> None:
        await self._http.close()
