"""Serves one SavedModel over HTTP on the loopback interface.

    python -m cloud.engine.serving.worker --model-dir DIR [--port N]

``POST /predict`` takes ``{"instances": […], "signature_name": …}`` and gives ``{"predictions": […]}``, or 400 with
``{"error": TEXT}``; ``GET /health`` answers 200. When the model is loaded and warm one JSON line on stdout says so:
``{"ready": {"port": N, "signatures": {…}}}``; ``{"failed": TEXT}`` says that the model cannot be served, and the
process exits with status 1. It ends on SIGTERM, after what was asked before is answered.
"""

import argparse
import asyncio
import signal
import sys
from pathlib import Path

import orjson
from aiohttp import web

from cloud.engine.serving.batching import Batcher
from cloud.engine.serving.signatures import Signature, choose
from cloud.errors import FailedPrecondition, PredictionFailed

MAX_BODY = 32 * 1024 * 1024
"""Bytes of one request."""


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m cloud.engine.serving.worker", description="Serve a SavedModel.")
    parser.add_argument("--model-dir", type=Path, required=True, help="folder with saved_model.pb")
    parser.add_argument("--port", type=int, default=0, help="0 is any that is free")
    arguments = parser.parse_args(argv)
    from cloud.engine.serving.saved_model import SavedModel  # after the flags are checked: it takes seconds

    try:
        model = SavedModel(arguments.model_dir)
    except FailedPrecondition as error:
        _report({"failed": error.message})
        return 1
    joinable = model.warm_up()
    if sys.platform == "win32":
        asyncio.run(_serve(model, joinable, arguments.port))
    else:
        import uvloop

        uvloop.run(_serve(model, joinable, arguments.port))
    return 0


async def _serve(model, joinable, port) -> None:
    batcher = Batcher(model, joinable=joinable)
    server = web.Server(_Handler(batcher, model.signatures).handle, access_log=None)
    runner = web.ServerRunner(server, handle_signals=False)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port)
    await site.start()
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    bound = runner.addresses[0][1]
    _report({"ready": {"port": bound, "signatures": model.signatures}})
    await stopping.wait()
    await runner.cleanup()
    batcher.close()


class _Handler:
    def __init__(self, batcher: Batcher, signatures: dict[str, Signature]) -> None:
        self._batcher = batcher
        self._signatures = signatures

    async def handle(self, request: web.BaseRequest) -> web.Response:
        if request.path == "/health":
            return web.Response()
        body = await request.read()
        try:
            asked = orjson.loads(body)
            predictions = await self._batcher.predict(choose(self._signatures, asked.get("signature_name")), asked["instances"])
        except PredictionFailed as error:
            return web.Response(status=400, body=orjson.dumps({"error": error.message}))
        return web.Response(body=orjson.dumps({"predictions": predictions}), content_type="application/json")


def _report(value: object) -> None:
    sys.stdout.buffer.write(orjson.dumps(value) + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    sys.exit(main())
