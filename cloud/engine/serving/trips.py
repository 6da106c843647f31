"""Takes the small requests that come in one turn of the event loop to the worker together, and their answers back.

A request that goes alone costs a write, a read and an HTTP message on either side: for a small model, more than all
else that is done for it.
"""

import asyncio
from http import HTTPStatus

import orjson

from cloud.engine.serving.client import WorkerClient
from cloud.errors import CloudError
from cloud.resources import Json

PREDICT_EACH = "/predict-each"
"""The worker's path for requests that come together: a list of what ``/predict`` takes. It gives a list of status and
answer of each, in order."""
MAX_SIZE = 2**14
"""Bytes of a request that goes with others: a larger one gains little, and would keep them waiting."""
_SEATS = 16
"""Requests of a trip: when so many have come it leaves, and the model works for them while others are being read."""
_FULL = 2**16
"""Bytes of a trip."""

Reply = tuple[int, Json]
"""Status and answer."""
_Sent = asyncio.Future[tuple[int, bytes]]


class Trips:
    """Posts to one worker.

    Only for models whose every call can be joined: requests that share a trip are all answered when the last is.
    """

    def __init__(self, client: WorkerClient) -> None:
        self._client = client
        self._loop = asyncio.get_running_loop()
        self._bodies: list[bytes] = []
        self._answers: list[asyncio.Future[Reply]] = []
        self._size = 0
        self._under_way: set[asyncio.Task[None]] = set()

    def post(self, body: bytes) -> asyncio.Future[Reply]:
        """The future's exception is the trip's: what ``WorkerClient.post`` raises, or CloudError for all.

        Args:
            body: JSON of at most ``MAX_SIZE``.
        """
        if self._size + len(body) > _FULL:
            self._leave()
        if not self._bodies:
            self._loop.call_soon(self._leave)
        self._bodies.append(body)
        self._size += len(body)
        answer: asyncio.Future[Reply] = self._loop.create_future()
        self._answers.append(answer)
        if len(self._answers) == _SEATS:
            self._leave()
        return answer

    def _leave(self) -> None:
        if not self._bodies:  # a full one has left before
            return
        body = b"[%s]" % b",".join(self._bodies)
        # A full one is to be on its way while others are read, and a single one has nobody to wait for.
        hurries = len(self._answers) in (1, _SEATS)
        sent = self._client.post_at_once(PREDICT_EACH, body) if hurries else None
        trip = self._loop.create_task(self._carry(body, sent, self._answers))
        self._under_way.add(trip)
        trip.add_done_callback(self._under_way.discard)
        self._bodies, self._answers, self._size = [], [], 0

    async def _carry(self, body: bytes, sent: _Sent | None, answers: list[asyncio.Future[Reply]]) -> None:
        try:
            status, text = await (sent or self._client.post(PREDICT_EACH, body))
            replies = _replies(status, text, len(answers))
        except (CloudError, OSError) as error:  # the latter: no connection, or no answer in time
            for answer in answers:
                if not answer.done():
                    answer.set_exception(error)
            return
        for answer, reply in zip(answers, replies, strict=True):
            if not answer.done():  # else who asked went away
                answer.set_result(reply)


def _replies(status: int, text: bytes, asked: int) -> list[Reply]:
    """Raises:
    CloudError: they are not what a worker gives to as many requests.
    """
    if status != HTTPStatus.OK:
        raise CloudError(f"the model's worker answered {status}: {text[:1000].decode(errors='replace')}")
    try:
        replies: list[Reply] = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise CloudError(f"the model's worker did not answer in JSON: {error}") from None
    if len(replies) != asked:
        raise CloudError(f"the model's worker gave {len(replies)} answers to {asked} requests")
    return replies
