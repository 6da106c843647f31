"""``Transport`` over HTTP: blocking calls in threads, and another try where that may help."""

import asyncio
import http.client
import json
import random
import threading
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import httplib2
import orjson

from cloud.backends.google import retries
from cloud.backends.google.errors import error_of, is_lack_of_quota
from cloud.backends.google.methods import Request
from cloud.backends.google.network import Identity, Network
from cloud.backends.google.transport import Settled, Transport
from cloud.errors import AlreadyExists, CloudError, NotFound, Unavailable
from cloud.resources import Json

T = TypeVar("T")
_AT_ONCE = 16


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
                reason = (str(error).splitlines() or [type(error).__name__])[0]
                failure: CloudError = Unavailable(f"{request.url.split('/')[2]} cannot be reached: {reason}")
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
            return {"done": True}  # what an operation that is over says
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
