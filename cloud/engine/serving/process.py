"""``ModelServer``: keeps a worker process running for one version, and sends it predictions."""

import asyncio
import json
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any

import orjson

from cloud.engine.launch.client import Command, Launcher, OutputLine, Process
from cloud.engine.serving import worker_folder
from cloud.engine.serving.client import WorkerClient
from cloud.engine.serving.quarantine import Quarantine
from cloud.engine.serving.signatures import Signature, read_signatures
from cloud.errors import CloudError, FailedPrecondition, InvalidArgument, PredictionFailed, Unavailable
from cloud.resources import Json, RawAnswer

MAX_REQUEST = 32 * 1024 * 1024 - 64 * 1024
"""Bytes of one request's JSON: the worker's limit, less room for the request's head."""
_STOP_GRACE = 2.0
_STOPPING = "the model's worker is being stopped"


class ModelServer:
    """The worker of one version. The first ``start`` or ``predict`` starts it. If it dies or hangs, it is replaced.

    Args:
        command: gives what runs the worker in a private folder (``worker_folder``), before each start.
        on_note: called with each sentence that the worker says about its model.
        time_limit: seconds for one prediction, including the wait for a connection.
        start_limit: seconds for loading the model.
        idle_limit: seconds without a request after which the worker is ended, until the next one; 0: never.
    """

    def __init__(
        self,
        launcher: Launcher,
        command: Callable[[Path], AbstractAsyncContextManager[Command]],
        *,
        on_note: Callable[[str], None] = lambda _: None,
        time_limit: float = 60.0,
        start_limit: float = 300.0,
        idle_limit: float = 0.0,
    ) -> None:
        self._launcher = launcher
        self._command = command
        self._on_note = on_note
        self._time_limit = time_limit
        self._start_limit = start_limit
        self._idle_limit = idle_limit
        self._current: asyncio.Task[_Worker] | None = None
        self._ending: set[asyncio.Task[object]] = set()
        self._quarantine = Quarantine()
        self._closed = False

    async def start(self) -> None:
        """Wait until a worker serves the model.

        Raises:
            FailedPrecondition: the model cannot be served.
            Unavailable: the worker died or was not ready in time; the message has its last output.
        """
        await asyncio.shield(self._running())

    async def predict(self, instances: Sequence[Json], signature_name: str | None) -> list[Json]:
        """Raises:
        PredictionFailed: the model fails on the instances; the message is the worker's.
        InvalidArgument: the instances are too large.
        FailedPrecondition: see ``start``.
        Unavailable: no response in time, or one worker died with this request among others and one with it alone.
        """
        return _predictions(*await self.post("/predict", _encode(instances, signature_name)))

    async def raw_predict(self, body: bytes) -> RawAnswer:
        """The worker's own answer to a body.

        Raises:
            InvalidArgument: the body is too large.
            FailedPrecondition, Unavailable: see ``predict``.
        """
        _check_size(body)
        return RawAnswer(*await self.post("/raw_predict", body))

    async def post(self, path: str, body: bytes, time_limit: float | None = None) -> tuple[int, bytes]:
        """Status and body of the worker's response.

        Args:
            time_limit: seconds; None: that of all predictions.

        Raises:
            FailedPrecondition, Unavailable: see ``predict``.
        """
        limit = self._time_limit if time_limit is None else time_limit
        try:
            async with self._quarantine.together():
                return await self._send(path, body, limit)
        except ConnectionError:  # another request may be the cause; predicting again is safe
            pass
        try:
            async with self._quarantine.alone():
                return await self._send(path, body, limit)
        except ConnectionError:
            raise Unavailable(
                "the model's worker died twice on this request: the model may need more memory than there is"
            ) from None

    async def signatures(self) -> Mapping[str, Signature]:
        """The model's, by name; none if it is not TensorFlow's.

        Raises:
            FailedPrecondition, Unavailable: see ``start``.
        """
        worker = await asyncio.shield(self._running())
        try:
            with worker.in_use():
                _, content = await worker.get("/health")
        except (ConnectionError, TimeoutError) as error:
            raise Unavailable(f"the model's worker does not tell its signatures: {error}") from error
        return read_signatures(orjson.loads(content)["signatures"])

    async def _send(self, path: str, body: bytes, time_limit: float) -> tuple[int, bytes]:
        """Raises:
        CloudError: see ``predict``.
        ConnectionError: the worker died.
        """
        current = self._running()
        worker = current.result() if current.done() else await asyncio.shield(current)
        try:
            with worker.in_use():
                return await worker.post(path, body, time_limit)
        except TimeoutError:
            raise self._timeout_error(worker, time_limit) from None
        except ConnectionError:
            self._discard(worker)
            raise

    async def close(self) -> None:
        """End the worker; pending requests fail with Unavailable. May be called twice."""
        self._closed = True
        if self._current:
            await asyncio.sleep(0)  # let the task start, so that it turns the cancellation into Unavailable
            self._current.cancel()
            outcome = (await asyncio.gather(self._current, return_exceptions=True))[0]
            if isinstance(outcome, _Worker):
                await outcome.process.stop(_STOP_GRACE)
        await asyncio.gather(*self._ending)

    def _running(self) -> "asyncio.Task[_Worker]":
        """The task that starts the worker, done once it runs; a new one if there is no worker."""
        if self._closed:
            raise Unavailable(_STOPPING)
        current = self._current
        if current is None or (current.done() and (current.exception() or not current.result().is_alive)):
            current = self._current = asyncio.create_task(self._launch())
            current.add_done_callback(lambda task: task.exception())  # mark as retrieved: no request may be waiting
        return current

    async def _launch(self) -> "_Worker":
        folder = worker_folder.create()
        try:
            # Making the command may make a runtime: that takes as long as it takes.
            async with self._command(folder) as command, asyncio.timeout(self._start_limit):
                process = await _launch(self._launcher, command, self._on_note)
        except BaseException as error:
            worker_folder.remove(folder)
            if isinstance(error, TimeoutError):
                raise Unavailable(f"the model's worker was not ready after {self._start_limit:g} s") from None
            if isinstance(error, asyncio.CancelledError):  # by close(); the requests that wait are not cancelled
                raise Unavailable(_STOPPING) from None
            raise
        process.on_end(lambda _: worker_folder.remove(folder))
        worker = _Worker(process, worker_folder.socket_in(folder), self._time_limit)
        process.on_end(lambda _: self._on_end(worker))
        if self._idle_limit:
            self._end_when_idle(worker)
        return worker

    def _end_when_idle(self, worker: "_Worker") -> None:
        if not worker.is_alive or self._closed:
            return
        remaining = self._idle_limit - (0 if worker.requests else time.monotonic() - worker.last_use)
        if remaining > 0:
            asyncio.get_running_loop().call_later(remaining, self._end_when_idle, worker)
            return
        worker.has_responded = False  # nor is it replaced
        self._discard(worker, _STOP_GRACE)

    def _on_end(self, worker: "_Worker") -> None:
        worker.is_alive = False
        # A worker that never responded would probably die again: only the next request starts another.
        if worker.has_responded and not self._closed:
            self._running()

    def _discard(self, worker: "_Worker", grace: float = 0) -> None:
        worker.is_alive = False
        ending = asyncio.create_task(worker.process.stop(grace))
        self._ending.add(ending)
        ending.add_done_callback(self._ending.discard)

    def _timeout_error(self, worker: "_Worker", time_limit: float) -> Unavailable:
        limit = f"{time_limit:g} s"
        if time.monotonic() - worker.last_response < time_limit:
            return Unavailable(f"the model was busy with other requests for {limit}: send fewer at a time")
        self._discard(worker)
        return Unavailable(
            f"the model's worker sent no response for {limit} and is replaced: the same call may work later"
        )


class _Worker:
    def __init__(self, process: Process, socket: Path, time_limit: float) -> None:
        self.process = process
        self.is_alive = True
        self.has_responded = False
        self.last_response = self.last_use = time.monotonic()
        self.requests = 0
        """That wait for its answer."""
        self._client = WorkerClient(socket, time_limit)
        process.on_end(lambda _: self._client.close())

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """While a request waits for its answer."""
        self.requests += 1
        try:
            yield
        finally:
            self.requests -= 1
            self.last_use = time.monotonic()

    async def get(self, path: str) -> tuple[int, bytes]:
        """Raises:
        ConnectionError, TimeoutError: see ``WorkerClient.request``.
        """
        return await self._client.request("GET", path)

    async def post(self, path: str, body: bytes, time_limit: float | None = None) -> tuple[int, bytes]:
        """Raises:
        ConnectionError, TimeoutError: see ``WorkerClient.request``.
        """
        response = await self._client.post(path, body, time_limit)
        self.has_responded = True
        self.last_response = time.monotonic()
        return response


def _predictions(status: int, content: bytes) -> list[Json]:
    """Raises:
    PredictionFailed: the model fails on the instances.
    CloudError: the worker has a defect.
    """
    try:
        response = orjson.loads(content)
    except orjson.JSONDecodeError:  # TensorFlow Serving writes NaN and infinities; here they are their names
        response = json.loads(content, parse_constant=str)
    if status == HTTPStatus.BAD_REQUEST:
        raise PredictionFailed(response["error"])
    if status != HTTPStatus.OK:
        raise CloudError(f"the model's worker responded with status {status}: {response}")
    predictions: list[Json] = response["predictions"]
    return predictions


async def _launch(launcher: Launcher, command: Command, on_note: Callable[[str], None]) -> Process:
    """Start a worker and wait until it is ready."""
    last_output: deque[str] = deque(maxlen=10)
    startup: asyncio.Future[CloudError | None] = asyncio.get_running_loop().create_future()

    def on_output(line: OutputLine) -> None:
        match None if startup.done() or line.stream != "stdout" else _read_report(line.text):
            case {"ready": {}}:
                startup.set_result(None)
            case {"note": str(note)}:
                on_note(note)
            case {"failed": str(reason)}:
                startup.set_result(FailedPrecondition(reason))
            case _:
                last_output.append(line.text)

    try:
        process = await launcher.launch(command, on_output)
    except FailedPrecondition as error:  # not the model's fault
        raise Unavailable(f"the model's worker cannot be started: {error.message}") from error
    ended = asyncio.create_task(process.wait())
    either: set[asyncio.Future[Any]] = {startup, ended}
    try:
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if not startup.done():
            text = "\n".join(last_output)
            raise Unavailable(f"the model's worker {ended.result()} before it was ready. Its last output:\n{text}")
        if failure := startup.result():
            raise failure
        return process
    except BaseException:
        await process.stop(0)
        raise
    finally:
        ended.cancel()


def _read_report(line: str) -> object:
    """What a line of the worker's stdout reports; None if it is output of the model's own code."""
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        return None


def _encode(instances: Sequence[Json], signature_name: str | None) -> bytes:
    try:
        request: dict[str, Json] = {"instances": list(instances)}
        if signature_name:
            request["signature_name"] = signature_name
        body = orjson.dumps(request)
    except orjson.JSONEncodeError as error:
        raise PredictionFailed(f"the instances are not JSON: {error}") from error
    _check_size(body)
    return body


def _check_size(body: bytes) -> None:
    if len(body) > MAX_REQUEST:
        raise InvalidArgument(f"{len(body)} bytes of JSON; at most {MAX_REQUEST} in one request", field="instances")
