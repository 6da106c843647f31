"""Serves one SavedModel over HTTP on the loopback interface.

    python -m cloud.engine.serving.worker --model-dir DIR [--port N]

``POST /predict`` takes ``{"instances": […], "signature_name": …}`` (the name may be in ``"parameters"``, too) and
returns ``{"predictions": […]}``, or status 400 and ``{"error": TEXT}``. ``GET /health`` returns 200 with the model's
signatures. When the model is loaded and warm, the worker writes one JSON line to stdout: ``{"ready": {"port": N}}``.
If the model cannot be served it writes ``{"failed": TEXT}`` and exits with status 1. Before either it may write
``{"note": TEXT}``. On SIGTERM it responds to pending
requests and exits.
"""

import argparse
import asyncio
import signal
import sys
import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Protocol

import orjson

from cloud.engine.event_loop import run
from cloud.engine.serving.batching import Batcher, Model
from cloud.engine.serving.http import HttpServer, Request, Response
from cloud.engine.serving.signatures import Signature, choose_signature
from cloud.engine.serving.tensorflow_c import load_library
from cloud.errors import FailedPrecondition, PredictionFailed
from cloud.wire.container import read_request

MAX_SIZE = 32 * 1024 * 1024
"""Bytes of one request's body."""


class Servable(Model, Protocol):
    @property
    def signatures(self) -> Mapping[str, Signature]: ...

    def warm_up(self) -> Collection[str]:
        """Call each signature; returns those whose requests may share a call."""


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m cloud.engine.serving.worker", description="Serve a SavedModel.")
    parser.add_argument("--model-dir", type=str, required=True, help="the folder with saved_model.pb")
    parser.add_argument("--check", action="store_true", help="load and call the model, report, and exit")
    parser.add_argument("--port", type=int, default=0, help="on 127.0.0.1; 0 (the default) takes a free one")
    arguments = parser.parse_args(argv)

    try:
        if arguments.check:
            load(arguments.model_dir, on_note=_report_note).warm_up()
            _report({"ready": {}})
            return 0
        serve(
            arguments.model_dir,
            ListenConfig(port=arguments.port),
            lambda port: _report({"ready": {"port": port}}),
            _report_note,
        )
    except FailedPrecondition as error:
        _report({"failed": error.message})
        return 1
    return 0


@dataclass(frozen=True, slots=True)
class ListenConfig:
    """Address and paths of a worker."""

    host: str = "127.0.0.1"
    port: int = 0
    """0 for a free one."""
    predict: str = "/predict"
    health: str = "/health"


def serve(
    model_dir: str, config: ListenConfig, on_ready: Callable[[int], None], on_note: Callable[[str], None]
) -> None:
    """Serve the SavedModel until SIGTERM, then respond to pending requests and return.

    Args:
        model_dir: a folder, local or on ``gs://``.
        on_ready: called with the port when the model is loaded and warm.
        on_note: called with each sentence about what TensorFlow Serving would do otherwise.

    Raises:
        FailedPrecondition: the model cannot be served.
        OSError: the port is taken.
    """
    run(serve_model(load(model_dir, on_note), config, on_ready))


def load(model_dir: str, on_note: Callable[[str], None]) -> Servable:
    """Load the SavedModel; see ``serve``."""
    # Only after the flags are checked, and at the same time: together they are half of a worker's start.
    threading.Thread(target=load_library, name="load TensorFlow").start()
    from cloud.engine.serving.saved_model import SavedModel

    model = SavedModel(model_dir)
    for note in model.notes:
        on_note(note)
    return model


async def serve_model(model: Servable, config: ListenConfig, on_ready: Callable[[int], None]) -> None:
    """``serve`` for a loaded model."""
    stopping = asyncio.Event()
    if sys.platform != "win32":
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    batcher = Batcher(model, joinable=model.warm_up())
    server = make_server(Application(batcher, model.signatures, config))
    on_ready(await server.listen(config.host, config.port))
    await stopping.wait()
    await server.close()
    await batcher.close()


def make_server(application: "Application") -> HttpServer:
    return HttpServer(application.handle, _refusal, max_body=MAX_SIZE)


class Application:
    """The worker's request handler."""

    def __init__(self, batcher: Batcher, signatures: Mapping[str, Signature], config: ListenConfig) -> None:
        self._batcher = batcher
        self._signatures = signatures
        self._config = config

    async def handle(self, request: Request) -> Response:
        config = self._config
        match request.method, request.path:
            case "POST", config.predict:
                return await self._predict(request.body)
            case "GET", config.health:
                return _response(HTTPStatus.OK, {"signatures": self._signatures})
            case _, config.predict | config.health:
                return _response(HTTPStatus.METHOD_NOT_ALLOWED, _error(f"not {request.method}"))
        return _response(HTTPStatus.NOT_FOUND, _error(f"POST {config.predict} or GET {config.health}"))

    async def _predict(self, body: bytes) -> Response:
        try:
            name, instances = read_request(body)
            predictions = await self._batcher.submit(choose_signature(self._signatures, name), instances)
        except PredictionFailed as error:
            return _response(HTTPStatus.BAD_REQUEST, _error(error.message))
        except Exception as error:  # noqa: BLE001 - a defect of the model or ours, which the engine reports
            return _response(HTTPStatus.INTERNAL_SERVER_ERROR, _error(f"{type(error).__name__}: {error}"))
        return _response(HTTPStatus.OK, {"predictions": predictions})


def _error(text: str) -> dict[str, str]:
    return {"error": text}


def _response(status: HTTPStatus, body: object) -> Response:
    return Response(status, orjson.dumps(body))


def _refusal(status: HTTPStatus, text: str) -> Response:
    return _response(status, _error(text))


def _report_note(text: str) -> None:
    _report({"note": text})


def _report(value: object) -> None:
    sys.stdout.write(orjson.dumps(value).decode() + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
