"""The HTTP server of a serving worker.

``POST /predict`` takes ``{"instances": […], "signature_name": …}`` (the name may be in ``"parameters"``, too) and
returns ``{"predictions": […]}`` with an object for each instance, or status 400 and ``{"error": TEXT}``.
``POST /raw_predict`` takes and returns what the serving stack does (``rules``). ``GET /health`` returns 200 with the
model's signatures.
"""

import asyncio
import signal
import sys
from collections.abc import Callable, Collection, Hashable, Mapping
from http import HTTPStatus
from typing import Any

import orjson
from aiohttp import web

from cloud.engine.serving.batching import Batcher
from cloud.engine.serving.listen_config import ListenConfig
from cloud.engine.serving.rules import PredictionLibraryRules, Rules, Servable
from cloud.engine.serving.signatures import Signature
from cloud.engine.serving.tf_serving.rules import TensorFlowServingRules
from cloud.errors import CloudError
from cloud.resources import ServingStack

MAX_SIZE = 32 * 1024 * 1024
"""Bytes of one request's body."""
_MAX_LINE = 2**16
"""Bytes of a request line or a header: the user chooses the paths of a container's routes."""
_BACKLOG = 1024
_KEEPALIVE_TIMEOUT = 366 * 24 * 3600.0
"""Seconds: the engine keeps connections open for the worker's lifetime, and treats a closed one as its death."""


async def serve_model(
    model: Servable,
    warmed: Collection[str],
    config: ListenConfig,
    on_ready: Callable[[], None],
    stack: ServingStack = ServingStack.PREDICTION_LIBRARY,
) -> None:
    """Serve ``model`` until SIGTERM, then respond to pending requests and return; see ``worker.serve``.

    Args:
        warmed: what its ``warm_up`` returned.
    """
    rules = TensorFlowServingRules(model) if stack is ServingStack.TENSORFLOW_SERVING else PredictionLibraryRules(model)
    await serve_by(rules, rules.joinable(warmed), model.signatures, config, on_ready)


async def serve_by(
    rules: Rules,
    joinable: Collection[Hashable],
    signatures: Mapping[str, Signature],
    config: ListenConfig,
    on_ready: Callable[[], None],
) -> None:
    """Serve the model of ``rules`` until SIGTERM, then respond to pending requests and return."""
    stopping = asyncio.Event()
    if sys.platform != "win32":
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    batcher = Batcher(rules.model, joinable=joinable)
    runner = web.ServerRunner(make_server(Application(batcher, rules, signatures, config)))
    await runner.setup()
    await _site(runner, config).start()
    on_ready()
    await stopping.wait()
    await runner.cleanup()
    await batcher.close()


def _site(runner: web.ServerRunner, config: ListenConfig) -> web.BaseSite:
    if config.socket is not None:
        return web.UnixSite(runner, config.socket, backlog=_BACKLOG)
    return web.TCPSite(runner, config.host, config.port, backlog=_BACKLOG)


def make_server(application: "Application") -> web.Server:
    return web.Server(
        application.handle,
        request_factory=_request,
        access_log=None,
        keepalive_timeout=_KEEPALIVE_TIMEOUT,
        max_line_size=_MAX_LINE,
        max_field_size=_MAX_LINE,
    )


class Application:
    """The worker's request handler."""

    def __init__(
        self, batcher: Batcher, rules: Rules, signatures: Mapping[str, Signature], config: ListenConfig
    ) -> None:
        self._batcher, self._rules = batcher, rules
        self._signatures = signatures
        self._config = config

    async def handle(self, request: web.BaseRequest) -> web.Response:
        config = self._config
        match request.method, request.path:
            case "POST", config.predict:
                return await self._predict(request, self._rules.write_named, self._rules.write_error)
            case "POST", config.raw_predict:
                return await self._predict(request, self._rules.write, self._rules.write_raw_error)
            case "GET", config.health:
                return _response(HTTPStatus.OK, orjson.dumps({"signatures": self._signatures}))
            case _, config.predict | config.raw_predict | config.health:
                return self._error(HTTPStatus.METHOD_NOT_ALLOWED, f"not {request.method}")
        return self._error(HTTPStatus.NOT_FOUND, f"POST {config.predict} or GET {config.health}")

    async def _predict(
        self,
        request: web.BaseRequest,
        write: Callable[[Any, list[Any]], bytes],
        write_error: Callable[[str], bytes],
    ) -> web.Response:
        try:
            signature, instances = self._rules.read(await request.read())
            body = write(signature, await self._batcher.submit(signature, instances))
        except web.HTTPRequestEntityTooLarge:
            return _response(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, write_error(f"more than {MAX_SIZE} bytes"))
        except CloudError as error:
            return _response(error.http_status, write_error(error.message))
        except Exception as error:  # noqa: BLE001 - a defect of the model or ours, which the engine reports
            return _response(HTTPStatus.INTERNAL_SERVER_ERROR, write_error(f"{type(error).__name__}: {error}"))
        return _response(HTTPStatus.OK, body)

    def _error(self, status: int, text: str) -> web.Response:
        return _response(status, self._rules.write_error(text))


def _response(status: int, body: bytes) -> web.Response:
    return web.Response(body=body, status=status, headers={"Content-Type": "application/json"})


def _request(message: Any, payload: Any, protocol: Any, writer: Any, task: Any) -> web.BaseRequest:
    loop = asyncio.get_running_loop()
    return web.BaseRequest(message, payload, protocol, writer, task, loop, client_max_size=MAX_SIZE)
