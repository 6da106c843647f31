"""Sends batches to the model, several at a time, and writes the answers in order."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Protocol

from cloud.engine.batch_prediction.instances import Batch
from cloud.resources import Json

MAX_ROWS = 512
"""Of a request that is made of several batches: the model takes a third of the time that eight requests of 64 take."""
_MAX_BYTES = 4 * 1024 * 1024
_REQUESTS = 4
"""In flight."""
_QUICK, _SLOW = 0.25, 2.0
"""Seconds of a request after which the next ones are larger, or smaller."""


class RowsFailedError(Exception):
    """The model does not answer for these rows."""


Predict = Callable[[Sequence[bytes]], Awaitable[list[Json]]]
"""A prediction for each instance. Raises ``RowsFailedError``, and others if no further request makes sense."""


class Output(Protocol):
    def succeeded(self, batch: Batch, predictions: list[Json]) -> None: ...

    def failed(self, batch: Batch, message: str) -> None: ...


class Pipeline:
    def __init__(self, predict: Predict, output: Output, batch_size: int) -> None:
        self._predict, self._output = predict, output
        self._most = max(1, MAX_ROWS // batch_size)
        self._joined = 1
        """Batches in a request."""

    async def run(self, batches: AsyncIterator[Batch]) -> None:
        """Raises:
        CloudError: of ``predict`` or ``batches``; what is in flight is given up.
        """
        in_flight: deque[tuple[list[Batch], asyncio.Task[list[list[Json] | str]]]] = deque()
        try:
            async for group in self._groups(batches):
                in_flight.append((group, asyncio.create_task(self._answers(group))))
                if len(in_flight) == _REQUESTS:
                    await self._write(in_flight)
            while in_flight:
                await self._write(in_flight)
        finally:
            tasks = [task for _, task in in_flight]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _write(self, in_flight: "deque[tuple[list[Batch], asyncio.Task[list[list[Json] | str]]]]") -> None:
        group, task = in_flight[0]
        answers = await task
        in_flight.popleft()
        for batch, answer in zip(group, answers, strict=True):
            if isinstance(answer, str):
                self._output.failed(batch, answer)
            else:
                self._output.succeeded(batch, answer)
        await asyncio.sleep(0)  # for all else that this process serves

    async def _groups(self, batches: AsyncIterator[Batch]) -> AsyncIterator[list[Batch]]:
        group: list[Batch] = []
        size = 0
        async for batch in batches:
            if group and (len(group) >= self._joined or size + batch.size > _MAX_BYTES):
                yield group
                group, size = [], 0
            group.append(batch)
            size += batch.size
        if group:
            yield group

    async def _answers(self, group: list[Batch]) -> list[list[Json] | str]:
        """The predictions of each batch, or why it failed."""
        sound = [batch for batch in group if not batch.error]
        if len(sound) > 1:
            started = asyncio.get_running_loop().time()
            try:
                predictions = await self._predict([instance for batch in sound for instance in batch.instances])
            except RowsFailedError:
                pass  # which of them, tells each alone
            else:
                self._adapt(len(sound), asyncio.get_running_loop().time() - started)
                rest = iter(predictions)
                return [batch.error or [next(rest) for _ in batch.instances] for batch in group]
        return [batch.error or await self._alone(batch) for batch in group]

    async def _alone(self, batch: Batch) -> list[Json] | str:
        started = asyncio.get_running_loop().time()
        try:
            predictions = await self._predict(batch.instances)
        except RowsFailedError as error:
            return str(error)
        self._adapt(1, asyncio.get_running_loop().time() - started)
        return predictions

    def _adapt(self, joined: int, seconds: float) -> None:
        if seconds < _QUICK:
            self._joined = max(self._joined, min(2 * joined, self._most))
        elif seconds > _SLOW:
            self._joined = max(1, joined // 2)
