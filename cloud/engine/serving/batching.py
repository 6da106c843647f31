"""Joins the prediction requests that are waiting into one call of the model. Knows no TensorFlow and no HTTP.

There is no timer: a request that finds the model idle is run at once, alone; those that arrive while it is busy are
run together when it is free. So one client sees no added latency, and many share each call.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Collection
from dataclasses import dataclass
from itertools import accumulate
from queue import SimpleQueue
from typing import Any, Protocol

from cloud.errors import PredictionFailed
from cloud.resources import Json

Predictions = list[dict[str, Json]]
Answer = Predictions | Exception


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
    """Runs a model in a thread of its own, one call at a time.

    Args:
        model: called only from that thread.
        joinable: the signatures of which several requests may share a call.
        max_rows: how many instances a joint call has at most; a larger request runs alone, whole.
    """

    def __init__(self, model: Model, *, joinable: Collection[str], max_rows: int = 4096) -> None:
        self._model = model
        self._joinable = joinable
        self._max_rows = max_rows
        self._loop = asyncio.get_running_loop()
        self._arrived: SimpleQueue[Request | None] = SimpleQueue()
        self._waiting: deque[Request] = deque()
        self._ended = asyncio.Event()
        threading.Thread(target=self._work, name="model", daemon=True).start()

    def submit(self, signature: str, instances: list[Json]) -> asyncio.Future[Predictions]:
        """Have predictions made for ``instances``, which are not empty.

        The future's exception is ``PredictionFailed`` if these instances are at fault, whatever they ran together with.
        """
        request = Request(signature, instances, self._loop.create_future())
        self._arrived.put(request)
        return request.answer

    async def close(self) -> None:
        """End the thread once what was asked before is answered."""
        self._arrived.put(None)
        await self._ended.wait()

    def _work(self) -> None:
        while batch := self._next():
            try:
                answers = answer(self._model, batch)
            except Exception as error:  # noqa: BLE001 - a defect; whoever waits must hear of it, and the thread go on
                answers = [error] * len(batch)
            self._loop.call_soon_threadsafe(_deliver, batch, answers)
        self._loop.call_soon_threadsafe(self._ended.set)

    def _next(self) -> list[Request]:
        """The oldest waiting request and those that can join it; empty at the end."""
        if not self._waiting:
            first = self._arrived.get()
            if first is None:
                return []
            self._waiting.append(first)
        while not self._arrived.empty():
            arrived = self._arrived.get()
            if arrived is None:
                self._arrived.put(None)
                break
            self._waiting.append(arrived)
        return take(self._waiting, self._joinable, self._max_rows)


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
