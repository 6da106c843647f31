"""Joins waiting prediction requests into one call of the model. Independent of TensorFlow and HTTP.

There is no timer: the model is called for all waiting requests as soon as an iteration of the event loop brings no new
one. So a single client sees no added latency, and many share each call.
"""

import asyncio
import time
from collections import deque
from collections.abc import Collection, Hashable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Protocol

from cloud.errors import CloudError
from cloud.resources import Json

Predictions = list[Any]
"""One for each row that the model returned."""
Outcome = Predictions | Exception

QUICK = 0.01
"""Seconds. A model whose calls take less runs on the event loop's thread: for a small model, waking another thread and
sharing the interpreter with it takes as long as the call itself."""


class Model(Protocol):
    """A model by the rules of a serving stack. Its errors are ``CloudError``."""

    def prepare(self, signature: Any, instances: list[Json]) -> Any: ...

    def run(self, signature: Any, batch: Any, count: int) -> Predictions: ...


@dataclass(slots=True, eq=False)
class Request:
    signature: Hashable
    """What ``Model`` knows the request's signature by."""
    instances: list[Json]
    result: asyncio.Future[Predictions]


class Batcher:
    """Runs a model, one call at a time.

    Args:
        model: called on the event loop's thread while it is quick, else on a separate one.
        joinable: the signatures whose requests may share a call.
        max_rows: the maximum of instances in a shared call; a larger request runs alone, undivided.
        quick: seconds, see ``QUICK``.
    """

    def __init__(
        self, model: Model, *, joinable: Collection[Hashable], max_rows: int = 4096, quick: float = QUICK
    ) -> None:
        self._model = model
        self._joinable = joinable
        self._max_rows = max_rows
        self._quick = quick
        self._loop = asyncio.get_running_loop()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="model")
        self._waiting: deque[Request] = deque()
        self._last_duration = quick
        """Seconds that the last call took: the estimate for the next."""
        self._previously_waiting = 0
        """How many requests were waiting in the previous iteration of the loop."""
        self._idle = asyncio.Event()
        self._idle.set()

    def submit(self, signature: Hashable, instances: list[Json]) -> asyncio.Future[Predictions]:
        """Request predictions for ``instances``, which are not empty.

        The future's exception is the model's, if it fails on these instances even when run alone.
        """
        request = Request(signature, instances, self._loop.create_future())
        self._waiting.append(request)
        if self._idle.is_set():
            self._idle.clear()
            self._loop.call_soon(self._run)
        return request.result

    async def close(self) -> None:
        """Return once all requests are done. Call ``submit`` no more."""
        await self._idle.wait()
        self._thread.shutdown(wait=False)

    def _run(self) -> None:
        """Call the model for the oldest request and those that can share its call, unless more are arriving."""
        if self._previously_waiting != len(self._waiting) < self._max_rows:
            self._previously_waiting = len(self._waiting)
            self._loop.call_soon(self._run)
            return
        self._previously_waiting = 0
        batch = take_batch(self._waiting, self._joinable, self._max_rows)
        if self._last_duration < self._quick:
            self._finish(batch, *_timed_run(self._model, batch))
        else:
            call = self._loop.run_in_executor(self._thread, _timed_run, self._model, batch)
            call.add_done_callback(lambda call: self._finish(batch, *call.result()))

    def _finish(self, batch: list[Request], outcomes: list[Outcome], duration: float) -> None:
        self._last_duration = duration
        _deliver(batch, outcomes)
        if self._waiting:
            self._loop.call_soon(self._run)
        else:
            self._idle.set()


def _timed_run(model: Model, requests: list[Request]) -> tuple[list[Outcome], float]:
    """The outcome of each request, and the seconds that took."""
    start = time.perf_counter()
    try:
        outcomes = run_requests(model, requests)
    except Exception as error:  # noqa: BLE001 - a defect; the callers must get an error, and later requests be run
        outcomes = [error] * len(requests)
    return outcomes, time.perf_counter() - start


def take_batch(waiting: deque[Request], joinable: Collection[Hashable], max_rows: int) -> list[Request]:
    """Remove and return the first request and, in order, later ones that can share its call."""
    first = waiting.popleft()
    taken, rows = [first], len(first.instances)
    if first.signature not in joinable:
        return taken
    left: list[Request] = []
    while waiting and rows < max_rows:
        request = waiting.popleft()
        if request.signature == first.signature and rows + len(request.instances) <= max_rows:
            taken.append(request)
            rows += len(request.instances)
        else:
            left.append(request)
    waiting.extendleft(reversed(left))
    return taken


def run_requests(model: Model, requests: list[Request]) -> list[Outcome]:
    """The outcome of each request, in order: predictions or an error. They have one signature and share a call if
    possible. A request that fails does not make others fail."""
    if len(requests) == 1:
        return [_run_alone(model, requests[0])]
    signature, sizes = requests[0].signature, [len(request.instances) for request in requests]
    count = sum(sizes)
    try:
        batch = model.prepare(signature, [instance for request in requests for instance in request.instances])
    except CloudError:
        return _run_without_misfits(model, requests)
    try:
        predictions = model.run(signature, batch, count)
    except CloudError:
        return [_run_alone(model, request) for request in requests]
    if len(predictions) != count:  # which rows belong to which request cannot be known
        return [_run_alone(model, request) for request in requests]
    ends = list(accumulate(sizes))
    return [predictions[end - size : end] for size, end in zip(sizes, ends, strict=True)]


def _run_without_misfits(model: Model, requests: list[Request]) -> list[Outcome]:
    """Find requests that do not fit the signature, which is cheap; the others still share a call."""
    refusals = [_input_error(model, request) for request in requests]
    good = [request for request, refusal in zip(requests, refusals, strict=True) if refusal is None]
    if len(good) == len(requests):  # each fits, but not together: they differ in sizes that the signature leaves open
        return [_run_alone(model, request) for request in requests]
    rest = iter(run_requests(model, good) if good else ())
    return [next(rest) if refusal is None else refusal for refusal in refusals]


def _input_error(model: Model, request: Request) -> CloudError | None:
    try:
        model.prepare(request.signature, request.instances)
    except CloudError as error:
        return error
    return None


def _run_alone(model: Model, request: Request) -> Outcome:
    try:
        batch = model.prepare(request.signature, request.instances)
        return model.run(request.signature, batch, len(request.instances))
    except CloudError as error:
        return error


def _deliver(requests: list[Request], outcomes: list[Outcome]) -> None:
    for request, outcome in zip(requests, outcomes, strict=True):
        if request.result.done():  # its caller disconnected
            continue
        if isinstance(outcome, Exception):
            request.result.set_exception(outcome)
        else:
            request.result.set_result(outcome)
