"""Serves one SavedModel over HTTP on the loopback interface.

    python -m cloud.engine.serving.worker --model-dir DIR [--port N]

``POST /predict`` takes ``{"instances": […], "signature_name": …}`` (the name may be in ``"parameters"``, too) and gives
``{"predictions": […]}``, or status 400 and ``{"error": TEXT}``. ``GET /health`` answers 200 with the model's
signatures. When the model is loaded and warm, one JSON line on stdout says so: ``{"ready": {"port": N}}``.
``{"failed": TEXT}`` says that the model cannot be served; then the process exits with status 1. It ends on SIGTERM,
after what was asked before is answered.
"""

import argparse
import asyncio
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

import orjson

from cloud.engine.serving.batching import Batcher, Predictions
from cloud.engine.serving.protocol import Connection, Request, Response, Send
from cloud.engine.serving.signatures import Signature, choose
from cloud.errors import FailedPrecondition, PredictionFailed
from cloud.event_loop import run
from cloud.wire.container import read_request

if TYPE_CHECKING:
    from cloud.engine.serving.saved_model import SavedModel

MAX_SIZE = 32 * 1024 * 1024
"""Bytes of one request."""


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m cloud.engine.serving.worker", description="Serve a SavedModel.")
    parser.add_argument("--model-dir", type=str, required=True, help="the folder with saved_model.pb")
    parser.add_argument("--port", type=int, default=0, help="on 127.0.0.1; 0 (the default) takes a free one")
    arguments = parser.parse_args(argv)

    try:
        serve(arguments.model_dir, Door(port=arguments.port), lambda port: _report({"ready": {"port": port}}))
    except FailedPrecondition as error:
        _report({"failed": error.message})
        return 1
    return 0


@dataclass(frozen=True, slots=True)
class Door:
    """Where a worker listens."""

    host: str = "127.0.0.1"
    port: int = 0
    """0 finds a free one."""
    predict: str = "/predict"
    health: str = "/health"


def serve(model_dir: str, door: Door, on_ready: Callable[[int], None]) -> None:
    """Serve the SavedModel until SIGTERM, and what was asked before to its end.

    Args:
        model_dir: a folder, here or on ``gs://``.
        on_ready: told the port when the model is loaded and warm.

    Raises:
        FailedPrecondition: the model cannot be served.
        OSError: the port is taken.
    """
    from cloud.engine.serving.saved_model import SavedModel  # loads TensorFlow: only once the flags are right

    run(_serve(SavedModel(model_dir), door, on_ready))


async def _serve(model: "SavedModel", door: Door, on_ready: Callable[[int], None]) -> None:
    loop = asyncio.get_running_loop()
    stopping = asyncio.Event()
    if sys.platform != "win32":
        loop.add_signal_handler(signal.SIGTERM, stopping.set)
    batcher = Batcher(model, joinable=model.warm_up())
    application = Application(batcher, model.signatures, door)
    connections: set[Connection] = set()
    server = await loop.create_server(
        lambda: Connection(application.respond, connections, MAX_SIZE), door.host, door.port, backlog=1024
    )
    on_ready(server.sockets[0].getsockname()[1])
    await stopping.wait()
    server.close()
    remaining = list(connections)
    for connection in remaining:
        connection.finish()
    await asyncio.gather(*(connection.closed for connection in remaining))
    await batcher.close()


class Application:
    """What the worker answers."""

    def __init__(self, batcher: Batcher, signatures: Mapping[str, Signature], door: Door) -> None:
        self._batcher = batcher
        self._signatures = signatures
        self._door = door

    def respond(self, request: Request, send: Send) -> None:
        door = self._door
        if request.path not in (door.predict, door.health):
            send(_error(HTTPStatus.NOT_FOUND, f"POST {door.predict} or GET {door.health}"))
        elif (request.method, request.path) == ("POST", door.predict):
            self._predict(request.body, send)
        elif (request.method, request.path) == ("GET", door.health):
            send(Response(HTTPStatus.OK, orjson.dumps({"signatures": self._signatures})))
        else:
            send(_error(HTTPStatus.METHOD_NOT_ALLOWED, f"not {request.method}"))

    def _predict(self, body: bytes, send: Send) -> None:
        try:
            name, instances = read_request(body)
            signature = choose(self._signatures, name)
        except PredictionFailed as error:
            send(_error(HTTPStatus.BAD_REQUEST, error.message))
        else:
            self._batcher.submit(signature, instances).add_done_callback(lambda answer: send(_answer(answer)))


def _answer(answer: "asyncio.Future[Predictions]") -> Response:
    match answer.exception():
        case None:
            return Response(HTTPStatus.OK, orjson.dumps({"predictions": answer.result()}))
        case PredictionFailed() as error:
            return _error(HTTPStatus.BAD_REQUEST, error.message)
        case error:
            return _error(HTTPStatus.INTERNAL_SERVER_ERROR, f"{type(error).__name__}: {error}")


def _error(status: HTTPStatus, text: str) -> Response:
    return Response(status, orjson.dumps({"error": text}))


def _report(value: object) -> None:
    sys.stdout.write(orjson.dumps(value).decode() + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
