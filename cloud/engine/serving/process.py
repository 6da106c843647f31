"""``ModelServer``: keeps a worker process running for one version, and sends it predictions."""

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

import orjson

from cloud.engine.launch.client import Command, Launcher, OutputLine, Process
from cloud.engine.serving.client import WorkerClient
from cloud.engine.serving.quarantine import Quarantine
from cloud.errors import CloudError, FailedPrecondition, InvalidArgument, PredictionFailed, Unavailable
from cloud.resources import Json

MAX_REQUEST = 32 * 1024 * 1024 - 64 * 1024
"""Bytes of one request's JSON: what the worker takes, less room for the head of the request."""
_STOP_GRACE = 2.0
_STOPPING = "the model's worker is being stopped"


class ModelServer:
    """The worker of one version. The first ``start`` or ``predict`` starts it. If it dies or hangs, it is replaced.

    Args:
        command: runs the worker for one model.
        time_limit: seconds for one prediction, waiting for its turn included.
        start_limit: seconds until the model must be loaded.
    """

    def __init__(
        self,
        launcher: Launcher,
        command: Command,
        *,
        time_limit: float = 60.0,
        start_limit: float = 300.0,
    ) -> None:
        self._launcher = launcher
        self._command = command
        self._time_limit = time_limit
        self._start_limit = start_limit
        self._current: asyncio.Task[_Worker] | None = None
        self._ending: set[asyncio.Task[object]] = set()
        self._quarantine = Quarantine()
        self._closed = False

    async def start(self) -> None:
        """Wait until a worker serves the model.

        Raises:
            FailedPrecondition: the model cannot be served.
            Unavailable: the worker died or did not get ready in time; the message holds its last words.
        """
        await asyncio.shield(self._running())

    async def predict(self, instances: Sequence[Json], signature_name: str | None) -> list[Json]:
        """Raises:
        PredictionFailed: the worker says why.
        InvalidArgument: the instances are too large.
        FailedPrecondition: see ``start``.
        Unavailable: no answer in time, or a worker died over this and another over this alone.
        """
        body = _encode(instances, signature_name)
        try:
            async with self._quarantine.together():
                return await self._send(body)
        except ConnectionError:  # maybe another request was the cause; predicting again does no harm
            pass
        try:
            async with self._quarantine.alone():
                return await self._send(body)
        except ConnectionError:
            raise Unavailable(
                "the model's worker died twice over this request: the model may need more memory than there is"
            ) from None

    async def _send(self, body: bytes) -> list[Json]:
        """As ``predict``, or:

        Raises:
            ConnectionError: the worker died meanwhile.
        """
        current = self._running()
        worker = current.result() if current.done() else await asyncio.shield(current)
        try:
            return await worker.predict(body)
        except TimeoutError:
            raise self._too_late(worker) from None
        except ConnectionError:
            self._discard(worker)
            raise

    async def close(self) -> None:
        """End the worker; requests that wait fail with Unavailable. May be called twice."""
        self._closed = True
        if self._current:
            await asyncio.sleep(0)  # a task that is cancelled before its first step cannot tell others why it ended
            self._current.cancel()
            outcome = (await asyncio.gather(self._current, return_exceptions=True))[0]
            if isinstance(outcome, _Worker):
                await outcome.process.stop(_STOP_GRACE)
        await asyncio.gather(*self._ending)

    def _running(self) -> "asyncio.Task[_Worker]":
        """The worker, or its start; a new one if there is none."""
        if self._closed:
            raise Unavailable(_STOPPING)
        current = self._current
        if current is None or (current.done() and (current.exception() or not current.result().is_alive)):
            current = self._current = asyncio.create_task(self._launch())
            current.add_done_callback(lambda task: task.exception())  # retrieved: nobody may be waiting for it
        return current

    async def _launch(self) -> "_Worker":
        try:
            async with asyncio.timeout(self._start_limit):
                worker = await _launch(self._launcher, self._command, self._time_limit)
        except TimeoutError:
            raise Unavailable(f"the model's worker was not ready after {self._start_limit:g} s") from None
        except asyncio.CancelledError:  # by close(); those who wait for this task are not cancelled themselves
            raise Unavailable(_STOPPING) from None
        worker.process.on_end(lambda _: self._on_end(worker))
        return worker

    def _on_end(self, worker: "_Worker") -> None:
        worker.is_alive = False
        # One that never answered would only die again: the next request starts that one.
        if worker.has_answered and not self._closed:
            self._running()

    def _discard(self, worker: "_Worker") -> None:
        worker.is_alive = False
        ending = asyncio.create_task(worker.process.stop(0))
        self._ending.add(ending)
        ending.add_done_callback(self._ending.discard)

    def _too_late(self, worker: "_Worker") -> Unavailable:
        limit = f"{self._time_limit:g} s"
        if time.monotonic() - worker.last_answer < self._time_limit:
            return Unavailable(f"the model did not come to this request within {limit}: send fewer at a time")
        self._discard(worker)
        return Unavailable(
            f"the model's worker gave no answer for {limit} and is replaced: the same call may work later"
        )


class _Worker:
    def __init__(self, process: Process, port: int, time_limit: float) -> None:
        self.process = process
        self.is_alive = True
        self.has_answered = False
        self.last_answer = time.monotonic()
        self._client = WorkerClient(port, time_limit)
        process.on_end(lambda _: self._client.close())

    async def predict(self, body: bytes) -> list[Json]:
        """Raises:
        PredictionFailed: the worker says why.
        CloudError: something is wrong with the worker.
        ConnectionError, TimeoutError: see ``WorkerClient.post``.
        """
        status, text = await self._client.post("/predict", body)
        reply = orjson.loads(text)
        self.has_answered = True
        self.last_answer = time.monotonic()
        if status == HTTPStatus.BAD_REQUEST:
            raise PredictionFailed(reply["error"])
        if status != HTTPStatus.OK:
            raise CloudError(f"the model's worker answered {status}: {reply}")
        predictions: list[Json] = reply["predictions"]
        return predictions


async def _launch(launcher: Launcher, command: Command, time_limit: float) -> _Worker:
    said: deque[str] = deque(maxlen=10)
    verdict: asyncio.Future[int | CloudError] = asyncio.get_running_loop().create_future()

    def on_output(line: OutputLine) -> None:
        found = None if verdict.done() or line.stream != "stdout" else _verdict(line.text)
        if found is None:
            said.append(line.text)
        else:
            verdict.set_result(found)

    try:
        process = await launcher.launch(command, on_output)
    except FailedPrecondition as error:  # says nothing about the model
        raise Unavailable(f"the model's worker cannot be started: {error.message}") from error
    ended = asyncio.create_task(process.wait())
    either: set[asyncio.Future[Any]] = {verdict, ended}
    try:
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if not verdict.done():
            words = "\n".join(said)
            raise Unavailable(f"the model's worker {ended.result()} before it was ready. Its last words:\n{words}")
        if isinstance(answer := verdict.result(), CloudError):
            raise answer
        return _Worker(process, answer, time_limit)
    except BaseException:
        await process.stop(0)
        raise
    finally:
        ended.cancel()


def _verdict(line: str) -> int | CloudError | None:
    """The worker's port once the model is loaded, or why it cannot be."""
    try:
        said = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None  # something that the model's own code printed
    match said:
        case {"ready": {"port": int(port)}}:
            return port
        case {"failed": str(reason)}:
            return FailedPrecondition(reason)
        case _:
            return None


def _encode(instances: Sequence[Json], signature_name: str | None) -> bytes:
    try:
        body = orjson.dumps({"instances": list(instances), "signature_name": signature_name})
    except orjson.JSONEncodeError as error:
        raise PredictionFailed(f"the instances are not JSON: {error}") from error
    if len(body) > MAX_REQUEST:
        raise InvalidArgument(f"{len(body)} bytes of JSON; at most {MAX_REQUEST} in one request", field="instances")
    return body
