"""Serves one SavedModel over HTTP on the loopback interface.

    python -m cloud.engine.serving.worker --model-dir DIR [--port N]

``POST /predict`` takes ``{"instances": […], "signature_name": …}`` (the name may be in ``"parameters"``, too) and
gives ``{"predictions": […]}``, or status 400 and ``{"error": TEXT}``. ``POST /predict-each`` takes a list of such
requests and gives a list of ``[STATUS, ANSWER]``, in order. ``GET /health`` answers 200 with the model's signatures.
When the model is loaded and warm, one JSON line on stdout says so: ``{"ready": {"port": N, "joinable": …}}``, with
whether requests may share a call of the model, whatever their signature. ``{"failed": TEXT}`` says that the model
cannot be served; then the process exits with status 1. It ends on SIGTERM, after what was asked before is answered.
"""

import argparse
import asyncio
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, TypeVar

import orjson

from cloud.engine.event_loop import run
from cloud.engine.serving.batching import Batcher, Predictions
from cloud.engine.serving.protocol import Connection, Request, Response, Send
from cloud.engine.serving.signatures import Signature, choose
from cloud.engine.serving.trips import PREDICT_EACH
from cloud.errors import FailedPrecondition, PredictionFailed
from cloud.resources import Json
from cloud.wire.container import parse_request, read_request

if TYPE_CHECKING:
    from cloud.engine.serving.saved_model import SavedModel

T = TypeVar("T")

MAX_SIZE = 32 * 1024 * 1024
"""Bytes of one request."""


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m cloud.engine.serving.worker", description="Serve a SavedModel.")
    parser.add_argument("--model-dir", type=str, required=True, help="the folder with saved_model.pb")
    parser.add_argument("--port", type=int, default=0, help="on 127.0.0.1; 0 (the default) takes a free one")
    arguments = parser.parse_args(argv)

    try:
        serve(
            arguments.model_dir,
            ListenConfig(port=arguments.port, predict_each=PREDICT_EACH),
            lambda port, joinable: _report({"ready": {"port": port, "joinable": joinable}}),
        )
    except FailedPrecondition as error:
        _report({"failed": error.message})
        return 1
    return 0


@dataclass(frozen=True, slots=True)
class ListenConfig:
    """Where a worker listens."""

    host: str = "127.0.0.1"
    port: int = 0
    """0 finds a free one."""
    predict: str = "/predict"
    health: str = "/health"
    predict_each: str = ""
    """For the engine's requests; empty where only others ask."""


def serve(model_dir: str, door: ListenConfig, on_ready: Callable[[int, bool], None]) -> None:
    """Serve the SavedModel until SIGTERM, and what was asked before to its end.

    Args:
        model_dir: a folder, here or on ``gs://``.
        on_ready: told the port when the model is loaded and warm, and whether requests may share a call of it,
            whatever their signature.

    Raises:
        FailedPrecondition: the model cannot be served.
        OSError: the port is taken.
    """
    from cloud.engine.serving.saved_model import SavedModel  # loads TensorFlow: only once the flags are right

    run(_serve(SavedModel(model_dir), door, on_ready))


async def _serve(model: "SavedModel", door: ListenConfig, on_ready: Callable[[int, bool], None]) -> None:
    loop = asyncio.get_running_loop()
    stopping = asyncio.Event()
    if sys.platform != "win32":
        loop.add_signal_handler(signal.SIGTERM, stopping.set)
    joinable = model.warm_up()
    batcher = Batcher(model, joinable=joinable)
    application = Application(batcher, model.signatures, door)
    connections: set[Connection] = set()
    server = await loop.create_server(
        lambda: Connection(application.respond, connections, MAX_SIZE), door.host, door.port, backlog=1024
    )
    on_ready(server.sockets[0].getsockname()[1], joinable >= model.signatures.keys())
    await stopping.wait()
    server.close()
    remaining = list(connections)
    for connection in remaining:
        connection.finish()
    await asyncio.gather(*(connection.closed for connection in remaining))
    await batcher.close()


class Application:
    """What the worker answers."""

    def __init__(self, batcher: Batcher, signatures: Mapping[str, Signature], door: ListenConfig) -> None:
        self._batcher = batcher
        self._signatures = signatures
        self._door = door

    def respond(self, request: Request, send: Send) -> None:
        door = self._door
        if request.path not in (door.predict, door.predict_each, door.health):
            send(_response(HTTPStatus.NOT_FOUND, _error(f"POST {door.predict} or GET {door.health}")))
        elif (request.method, request.path) == ("POST", door.predict):
            self._predict(request.body, send)
        elif (request.method, request.path) == ("POST", door.predict_each):
            self._predict_each(request.body, send)
        elif (request.method, request.path) == ("GET", door.health):
            send(_response(HTTPStatus.OK, {"signatures": self._signatures}))
        else:
            send(_response(HTTPStatus.METHOD_NOT_ALLOWED, _error(f"not {request.method}")))

    def _predict(self, body: bytes, send: Send) -> None:
        self._submit(read_request, body).add_done_callback(lambda answer: send(_response(*_outcome(answer))))

    def _predict_each(self, body: bytes, send: Send) -> None:
        try:
            asked = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            send(_response(HTTPStatus.BAD_REQUEST, _error(f"the requests are not JSON: {error}")))
            return
        if not isinstance(asked, list):
            send(_response(HTTPStatus.BAD_REQUEST, _error("a list of requests is asked for")))
            return
        answers = [self._submit(parse_request, one) for one in asked]
        _when_done(iter(answers), lambda: send(_response(HTTPStatus.OK, [_outcome(answer) for answer in answers])))

    def _submit(self, read: "Callable[[T], tuple[str | None, list[Json]]]", asked: T) -> "asyncio.Future[Predictions]":
        try:
            name, instances = read(asked)
            return self._batcher.submit(choose(self._signatures, name), instances)
        except PredictionFailed as error:
            refused: asyncio.Future[Predictions] = asyncio.get_running_loop().create_future()
            refused.set_exception(error)
            return refused


def _when_done(answers: "Iterator[asyncio.Future[Predictions]]", then: Callable[[], None]) -> None:
    for answer in answers:  # mostly the first is waited for, and then all are there
        if not answer.done():
            answer.add_done_callback(lambda _: _when_done(answers, then))
            return
    then()


def _outcome(answer: "asyncio.Future[Predictions]") -> tuple[HTTPStatus, object]:
    match answer.exception():
        case None:
            return HTTPStatus.OK, {"predictions": answer.result()}
        case PredictionFailed() as error:
            return HTTPStatus.BAD_REQUEST, _error(error.message)
        case error:
            return HTTPStatus.INTERNAL_SERVER_ERROR, _error(f"{type(error).__name__}: {error}")


def _error(text: str) -> dict[str, str]:
    return {"error": text}


def _response(status: HTTPStatus, answer: object) -> Response:
    return Response(status, orjson.dumps(answer))


def _report(value: object) -> None:
    sys.stdout.write(orjson.dumps(value).decode() + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
