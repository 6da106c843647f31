"""Serves one SavedModel over HTTP on the loopback interface.

    python -m cloud.engine.serving.worker --model-dir DIR [--port N]

``POST /predict`` takes ``{"instances": […], "signature_name": …}`` and gives ``{"predictions": […]}``, or status 400
and ``{"error": TEXT}``. ``GET /health`` answers 200 with the model's signatures. When the model is loaded and warm, one
JSON line on stdout says so: ``{"ready": {"port": N}}``. ``{"failed": TEXT}`` says that the model cannot be served;
then the process exits with status 1. It ends on SIGTERM, after what was asked before is answered.
"""

import argparse
import asyncio
import signal
import sys
from collections.abc import Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import orjson

from cloud.engine.serving.batching import Batcher, Predictions
from cloud.engine.serving.protocol import Connection, Request, Response, Send
from cloud.engine.serving.signatures import Signature, choose
from cloud.errors import FailedPrecondition, PredictionFailed
from cloud.event_loop import run

if TYPE_CHECKING:
    from cloud.engine.serving.saved_model import SavedModel

MAX_SIZE = 32 * 1024 * 1024
"""Bytes of one request."""


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m cloud.engine.serving.worker", description="Serve a SavedModel.")
    parser.add_argument("--model-dir", type=str, required=True, help="the folder with saved_model.pb")
    parser.add_argument("--port", type=int, default=0, help="on 127.0.0.1; 0 (the default) takes a free one")
    arguments = parser.parse_args(argv)

    from cloud.engine.serving.saved_model import SavedModel  # loads TensorFlow: only once the flags are right

    try:
        model = SavedModel(arguments.model_dir)
    except FailedPrecondition as error:
        _report({"failed": error.message})
        return 1
    run(_serve(model, arguments.port))
    return 0


async def _serve(model: "SavedModel", port: int) -> None:
    loop = asyncio.get_running_loop()
    stopping = asyncio.Event()
    if sys.platform != "win32":
        loop.add_signal_handler(signal.SIGTERM, stopping.set)
    batcher = Batcher(model, joinable=model.warm_up())
    application = Application(batcher, model.signatures)
    connections: set[Connection] = set()
    server = await loop.create_server(
        lambda: Connection(application.respond, connections, MAX_SIZE), "127.0.0.1", port, backlog=1024
    )
    _report({"ready": {"port": server.sockets[0].getsockname()[1]}})
    await stopping.wait()
    server.close()
    remaining = list(connections)
    for connection in remaining:
        connection.finish()
    await batcher.close()
    await asyncio.gather(*(connection.closed for connection in remaining))


class Application:
    """What the worker answers."""

    def __init__(self, batcher: Batcher, signatures: Mapping[str, Signature]) -> None:
        self._batcher = batcher
        self._signatures = signatures

    def respond(self, request: Request, send: Send) -> None:
        match request.method, request.path:
            case "POST", "/predict":
                self._predict(request.body, send)
            case "GET", "/health":
                send(Response(HTTPStatus.OK, orjson.dumps({"signatures": self._signatures})))
            case _, "/predict" | "/health":
                send(_error(HTTPStatus.METHOD_NOT_ALLOWED, f"not {request.method}"))
            case _:
                send(_error(HTTPStatus.NOT_FOUND, "POST /predict or GET /health"))

    def _predict(self, body: bytes, send: Send) -> None:
        try:
            signature, instances = self._read(body)
        except PredictionFailed as error:
            send(_error(HTTPStatus.BAD_REQUEST, error.message))
        else:
            self._batcher.submit(signature, instances).add_done_callback(lambda answer: send(_answer(answer)))

    def _read(self, body: bytes) -> tuple[str, list[Any]]:
        try:
            asked = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise PredictionFailed(f"the request is not JSON (which has no NaN): {error}") from None
        if not isinstance(asked, dict) or not isinstance(asked.get("instances"), list) or not asked["instances"]:
            raise PredictionFailed('the request is not {"instances": […]} with at least one instance')
        name = asked.get("signature_name")
        if not isinstance(name, str | None):
            raise PredictionFailed(f"signature_name is not a string: {name!r:.100}")
        return choose(self._signatures, name), asked["instances"]


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
