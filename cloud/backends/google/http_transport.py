"""``Transport`` over HTTP: blocking calls in threads, with retries."""

import asyncio
import http.client
import json
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import httplib2
import orjson

from cloud.backends.google.errors import error_of, is_model_servers, is_quota_exceeded
from cloud.backends.google.methods import Request
from cloud.backends.google.network import Identity, Network
from cloud.backends.google.transport import FindExisting, Transport
from cloud.errors import NotFound, Unavailable
from cloud.gcs import backoff
from cloud.gcs.retry import RetryableError, Sleep, call_with_retries, finish_before_cancel
from cloud.resources import Json, RawAnswer

T = TypeVar("T")
_THREADS = 16


class HttpTransport(Transport):
    """Makes blocking calls in threads, each with its own connection.

    Args:
        sleep: waits before another attempt.
    """

    def __init__(
        self,
        region: str,
        *,
        identity: Identity,
        network: Network,
        retries: backoff.Retries = backoff.Retries(),  # noqa: B008 - a frozen value
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        super().__init__(region)
        self._identity, self._network, self._retries, self._sleep = identity, network, retries, sleep
        self._threads = ThreadPoolExecutor(_THREADS, "google")
        self._local = threading.local()
        self._clients: list[httplib2.Http] = []

    async def close(self) -> None:
        await asyncio.to_thread(self._threads.shutdown, cancel_futures=True)
        while self._clients:
            self._clients.pop().close()

    async def _exchange(self, request: Request, find_existing: FindExisting | None) -> Json:
        attempts = 0

        async def attempt() -> Json:
            nonlocal attempts
            attempts += 1
            return await self._attempt(request, is_first=attempts == 1)

        async def renew() -> None:
            nonlocal attempts
            attempts -= 1  # an unauthenticated attempt had no effect
            await self.in_thread(self._identity.renew)

        return await call_with_retries(
            attempt, self._retries, sleep=self._sleep, find_existing=find_existing, renew=renew
        )

    async def _attempt(self, request: Request, *, is_first: bool) -> Json:
        """Raises:
        RetryableError: the attempt failed; says whether a retry may help.
        """
        try:
            status, headers, content = await self.in_thread(lambda: self._blocking(request))
        except (OSError, http.client.HTTPException, httplib2.error.HttpLib2Error) as error:
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            unavailable = Unavailable(f"{request.url.split('/')[2]} cannot be reached: {reason}")
            raise RetryableError(unavailable, is_transient=True) from error
        if isinstance(request.body, bytes) and (status < 300 or is_model_servers(content)):
            return RawAnswer(status, content)
        if status < 300:
            return orjson.loads(content) if content.strip() else {}
        failure = error_of(status, content)
        if isinstance(failure, NotFound) and request.http_method == "DELETE" and not is_first:
            return {"done": True}  # deleted by an earlier attempt; this is the form of a finished operation
        is_transient = backoff.is_transient(status) and not (status == 429 and is_quota_exceeded(content))
        delay = backoff.retry_after(headers.get("retry-after"))
        raise RetryableError(failure, is_transient=is_transient, retry_after=delay, is_auth_error=status == 401)

    async def in_thread(self, work: Callable[[], T]) -> T:
        """Run ``work``, which blocks, in a thread."""
        return await finish_before_cancel(asyncio.get_running_loop().run_in_executor(self._threads, work))

    def _blocking(self, request: Request) -> tuple[int, Mapping[str, str], bytes]:
        client = getattr(self._local, "client", None)
        if client is None:
            client = self._local.client = self._network.http()
            self._clients.append(client)
        headers = {"Authorization": f"Bearer {self._identity.token()}", "Accept": "application/json"}
        body = None
        if request.body is not None:
            headers["Content-Type"] = "application/json"
            body = request.body if isinstance(request.body, bytes) else json.dumps(request.body, allow_nan=False)
        reply, content = client.request(request.url, request.http_method, body, headers)
        return reply.status, reply, content
