"""The worker's HTTP, with a model that does not need TensorFlow."""

from collections.abc import AsyncIterator

import aiohttp
import pytest

from cloud.engine.serving import worker
from cloud.engine.serving.batching import Batcher, Predictions
from cloud.engine.serving.signatures import Signature
from cloud.engine.serving.worker import Application, ListenConfig, make_server
from cloud.resources import Json


class Inverses:
    def prepare(self, _: str, instances: list[Json]) -> list[Json]:
        return instances

    def run(self, _: str, batch: list[float], __: int) -> Predictions:
        return [{"inverse": 1 / number} for number in batch]


@pytest.fixture
async def url(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[str]:
    monkeypatch.setattr(worker, "MAX_SIZE", 1000)
    batcher = Batcher(Inverses(), joinable={"only"})
    server = make_server(Application(batcher, {"only": Signature({}, {})}, ListenConfig()))
    yield f"http://127.0.0.1:{await server.listen('127.0.0.1', 0)}"
    await server.close()
    await batcher.close()


@pytest.mark.parametrize(
    ("path", "body", "status", "expected"),
    [
        ("/predict", b'{"instances": [2, 4]}', 200, {"predictions": [{"inverse": 0.5}, {"inverse": 0.25}]}),
        ("/predict?x=1", b'{"instances": [2]}', 200, {"predictions": [{"inverse": 0.5}]}),
        ("/predict", b"[]", 400, {"error": 'the request is not {"instances": […]} with at least one instance'}),
        ("/predict", b"x" * 1001, 413, {"error": "more than 1000 bytes"}),
        ("/predict", b'{"instances": [0]}', 500, {"error": "ZeroDivisionError: division by zero"}),
        ("/elsewhere", b"", 404, {"error": "POST /predict or GET /health"}),
        ("/health", b"", 405, {"error": "not POST"}),
    ],
    ids=["rows", "query", "misfit", "large", "defect", "path", "method"],
)
async def test_every_response_is_json(url: str, path: str, body: bytes, status: int, expected: Json) -> None:
    async with aiohttp.ClientSession() as session, session.post(url + path, data=body) as response:
        assert (response.status, await response.json()) == (status, expected)
