"""Joins the prediction requests that are waiting into one call of the model. Knows no TensorFlow and no HTTP.

There is no timer: the model is called as soon as a turn of the event loop brings no further request, for all that wait.
So one client sees no added latency, and many share each call.
"""

import asyncio
import time
from collections import deque
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Protocol

from cloud.errors import PredictionFailed
from cloud.resources import Json

Predictions = list[dict[str, Json]]
Answer = Predictions | Exception

QUICK = 0.01
"""Seconds; a model whose calls take less runs on the event loop's own thread. To wake another thread, and to share
the interpreter with it, takes a small model's call as long as the call itself."""


class Model(Protocol):
    """What ``saved_model.SavedModel`` does."""

    def prepare(self, signature: str, instances: list[Json]) -> Any: ...

    def run(self, signature: str, batch: Any, count: int) -> Predictions: ...


@dataclass(slots=True, eq=False)
class Request:
    signature: str
    instances: list[Json]
    answer: asyncio.Future[Predictions]


class Batcher:
    """Runs a model, one call at a time.

    Args:
        model: called on the event loop's thread while it is quick, else on one of its own.
        joinable: the signatures of which several requests may share a call.
        max_rows: how many instances a joint call has at most; a larger request runs alone, whole.
        quick: seconds, see ``QUICK``.
    """

    def __init__(self, model: Model, *, joinable: Collection[str], max_rows: int = 4096, quick: float = QUICK) -> None:
        self._model = model
        self._joinable = joinable
        self._max_rows = max_rows
        self._quick = quick
        self._loop = asyncio.get_running_loop()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="model")
        self._waiting: deque[Request] = deque()
        self._last_took = quick
        """Seconds of the last call: what the next is thought to take."""
        self._seen = 0
        """How many were waiting a turn of the loop ago."""
        self._idle = asyncio.Event()
        self._idle.set()

    def submit(self, signature: str, instances: list[Json]) -> asyncio.Future[Predictions]:
        """Have predictions made for ``instances``, which are not empty.

        The future's exception is ``PredictionFailed`` if these instances are at fault, whatever they ran together with.
        """
        request = Request(signature, instances, self._loop.create_future())
        self._waiting.append(request)
        if self._idle.is_set():
            self._idle.clear()
            self._loop.call_soon(self._run)
        return request.answer

    async def close(self) -> None:
        """Returns once all requests are answered; none may be submitted any more."""
        await self._idle.wait()
        self._thread.shutdown(wait=False)

    def _run(self) -> None:
        """Call the model for the oldest waiting request and those that can join it, unless more are just coming."""
        if self._seen != len(self._waiting) < self._max_rows:
            self._seen = len(self._waiting)
            self._loop.call_soon(self._run)
            return
        self._seen = 0
        batch = take(self._waiting, self._joinable, self._max_rows)
        if self._last_took < self._quick:
            self._end(batch, *_timed_answer(self._model, batch))
        else:
            call = self._loop.run_in_executor(self._thread, _timed_answer, self._model, batch)
            call.add_done_callback(lambda call: self._end(batch, *call.result()))

    def _end(self, batch: list[Request], answers: list[Answer], took: float) -> None:
        self._last_took = took
        _deliver(batch, answers)
        if self._waiting:
            self._loop.call_soon(self._run)
        else:
            self._idle.set()


def _timed_answer(model: Model, requests: list[Request]) -> tuple[list[Answer], float]:
    """What each request gets, and how many seconds that took."""
    began = time.perf_counter()
    try:
        answers = answer(model, requests)
    except Exception as error:  # noqa: BLE001 - a defect; whoever waits must hear of it, and the next be answered
        answers = [error] * len(requests)
    return answers, time.perf_counter() - began


def take(waiting: deque[Request], joinable: Collection[str], max_rows: int) -> list[Request]:
    """Remove and return the first request and, in order, those behind it that can share its call."""
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


def answer(model: Model, requests: list[Request]) -> list[Answer]:
    """What each request gets, in order: predictions, or why not. All share a signature and, if they can, a call; one
    that fails never takes another with it."""
    if len(requests) == 1:
        return [_alone(model, requests[0])]
    signature, sizes = requests[0].signature, [len(request.instances) for request in requests]
    try:
        batch = model.prepare(signature, [instance for request in requests for instance in request.instances])
    except PredictionFailed:
        return _without_misfits(model, requests)
    try:
        predictions = model.run(signature, batch, sum(sizes))
    except PredictionFailed:
        return [_alone(model, request) for request in requests]
    ends = list(accumulate(sizes))
    return [predictions[end - size : end] for size, end in zip(sizes, ends, strict=True)]


def _without_misfits(model: Model, requests: list[Request]) -> list[Answer]:
    """Preparing is cheap, running is not: so those who do not fit are found first, and the rest still share a call."""
    refusals = [_refusal(model, request) for request in requests]
    good = [request for request, refusal in zip(requests, refusals, strict=True) if refusal is None]
    if len(good) == len(requests):  # each fits, but not beside the others: sizes that the signature leaves open
        return [_alone(model, request) for request in requests]
    rest = iter(answer(model, good) if good else ())
    return [next(rest) if refusal is None else refusal for refusal in refusals]


def _refusal(model: Model, request: Request) -> PredictionFailed | None:
    try:
        model.prepare(request.signature, request.instances)
    except PredictionFailed as error:
        return error
    return None


def _alone(model: Model, request: Request) -> Answer:
    try:
        batch = model.prepare(request.signature, request.instances)
        return model.run(request.signature, batch, len(request.instances))
    except PredictionFailed as error:
        return error


def _deliver(requests: list[Request], answers: list[Answer]) -> None:
    for request, outcome in zip(requests, answers, strict=True):
        if request.answer.done():  # its client went away
            continue
        if isinstance(outcome, Exception):
            request.answer.set_exception(outcome)
        else:
            request.answer.set_result(outcome)
