"""``Transport``: a call of one of Google's methods, from its id to its answer."""

import asyncio
import http.client
import json
import random
import threading
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import httplib2
import orjson

from cloud.backends.google import retries
from cloud.backends.google.errors import error_of, is_lack_of_quota
from cloud.backends.google.methods import Request, request
from cloud.backends.google.network import Identity, Network
from cloud.errors import AlreadyExists, CloudError, NotFound, Unavailable
from cloud.resources import Json

T = TypeVar("T")
Settled = Callable[[], Awaitable[Json]]
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
        settled: Settled | None = None,
    ) -> Json:
        """The answer, as JSON.

        Every request is sent again while its failure may pass. One that is not to be done twice comes with ``settled``,
        which is asked before it is sent again, and in place of its answer.

        Raises:
            CloudError: with Google's own code and message.
            Unavailable: nobody could be reached.
        """
        return await self._exchange(request(method_id, params or {}, body, region=self._region), settled)

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
    async def _exchange(self, request: Request, settled: Settled | None) -> Json: ...

    async def close(self) -> None:  # noqa: B027 - one without connections has nothing to do
        """Let go of connections."""


class HttpTransport(Transport):
    """Over HTTP; blocking calls are made in threads, each with a connection of its own.

    Args:
        sleep: waits before another attempt.
    """

    def __init__(
        self,
        region: str,
        *,
        identity: Identity,
        network: Network,
        patience: retries.Retries = retries.Retries(),  # noqa: B008 - a frozen value
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        super().__init__(region)
        self._identity, self._network, self._patience, self._sleep = identity, network, patience, sleep
        self._threads = ThreadPoolExecutor(_AT_ONCE, "google")
        self._own = threading.local()
        self._clients: list[httplib2.Http] = []

    async def close(self) -> None:
        await asyncio.to_thread(self._threads.shutdown, cancel_futures=True)
        while self._clients:
            self._clients.pop().close()

    async def _exchange(self, request: Request, settled: Settled | None) -> Json:
        failed, renewed = 0, False
        while True:
            asked = 0.0
            try:
                status, headers, content = await self.in_thread(lambda: self._blocking(request))
            except (OSError, http.client.HTTPException, httplib2.error.HttpLib2Error) as error:
                failure: CloudError = Unavailable(f"{request.url.split('/')[2]} cannot be reached: {error}")
            else:
                if status < 300:
                    return orjson.loads(content) if content.strip() else {}
                failure = error_of(status, content)
                if status == 401 and not renewed:
                    renewed = True
                    await self.in_thread(self._identity.renew)
                    continue
                if failed and (answer := await self._done_before(request, failure, settled)) is not None:
                    return answer
                if not retries.may_pass(status) or (status == 429 and is_lack_of_quota(content)):
                    raise failure
                asked = retries.retry_after(headers.get("retry-after"))
            failed += 1
            pause = self._patience.pause(failed, asked, random.random())  # noqa: S311 - no secret
            if pause is not None:
                await self._sleep(pause)
            if settled is not None and (found := await settled()) is not None:
                return found
            if pause is None:
                raise failure

    async def _done_before(self, request: Request, failure: CloudError, settled: Settled | None) -> Json:
        """The answer, if this refusal says no more than that an attempt before was accepted after all."""
        if isinstance(failure, NotFound) and request.http_method == "DELETE":
            return {}
        if isinstance(failure, AlreadyExists) and settled is not None:
            return await settled()
        return None

    async def in_thread(self, work: Callable[[], T]) -> T:
        """What ``work``, which blocks, returns."""
        future = asyncio.get_running_loop().run_in_executor(self._threads, work)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            # What was sent is sent. Whoever cleans up now is to find what it made.
            await asyncio.wait([future])
            raise

    def _blocking(self, request: Request) -> tuple[int, Mapping[str, str], bytes]:
        client = getattr(self._own, "client", None)
        if client is None:
            client = self._own.client = self._network.http()
            self._clients.append(client)
        headers = {"Authorization": f"Bearer {self._identity.token()}", "Accept": "application/json"}
        body = None
        if request.body is not None:
            headers["Content-Type"] = "application/json"
            body = json.dumps(request.body, allow_nan=False)
        reply, content = client.request(request.url, request.http_method, body, headers)
        return reply.status, reply, content
