"""The worker's HTTP, with a model that does not need TensorFlow."""

from collections.abc import AsyncIterator
from typing import Any, ClassVar

import aiohttp
import pytest
from aiohttp import web

from cloud.engine.serving import application
from cloud.engine.serving.application import Application, make_server
from cloud.engine.serving.batching import Batcher, Predictions
from cloud.engine.serving.listen_config import ListenConfig
from cloud.engine.serving.rules import PredictionLibraryRules
from cloud.engine.serving.signatures import Signature
from cloud.resources import Json


class Inverses:
    signatures: ClassVar = {"only": Signature({}, {})}

    def prepare(self, _: str, instances: list[Json]) -> list[Json]:
        return instances

    def run(self, _: str, batch: list[float], __: int) -> Predictions:
        return [{"inverse": 1 / number} for number in batch]

    def call(self, _: str, batch: dict[str, Any]) -> dict[str, Any]:
        return batch

    def warm_up(self) -> set[str]:
        return {"only"}


@pytest.fixture
async def url(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[str]:
    monkeypatch.setattr(application, "MAX_SIZE", 1000)
    rules = PredictionLibraryRules(Inverses())
    batcher = Batcher(rules.model, joinable={"only"})
    runner = web.ServerRunner(make_server(Application(batcher, rules, Inverses.signatures, ListenConfig())))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()
    await batcher.close()


@pytest.mark.parametrize(
    ("path", "body", "status", "expected"),
    [
        ("/predict", b'{"instances": [2, 4]}', 200, {"predictions": [{"inverse": 0.5}, {"inverse": 0.25}]}),
        ("/raw_predict", b'{"instances": [2]}', 200, {"predictions": [{"inverse": 0.5}]}),
        ("/predict?x=1", b'{"instances": [2]}', 200, {"predictions": [{"inverse": 0.5}]}),
        ("/predict", b"[]", 400, {"error": 'the request is not {"instances": […]} with at least one instance'}),
        ("/predict", b"x" * 1001, 413, {"error": "more than 1000 bytes"}),
        ("/predict", b'{"instances": [0]}', 500, {"error": "ZeroDivisionError: division by zero"}),
        ("/elsewhere", b"", 404, {"error": "POST /predict or GET /health"}),
        ("/health", b"", 405, {"error": "not POST"}),
    ],
    ids=["rows", "raw", "query", "misfit", "large", "defect", "path", "method"],
)
async def test_every_response_is_json(url: str, path: str, body: bytes, status: int, expected: Json) -> None:
    async with aiohttp.ClientSession() as session, session.post(url + path, data=body) as response:
        assert (response.status, await response.json()) == (status, expected)
