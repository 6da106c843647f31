"""Random requests from the discovery document through the whole dialect: what is allowed never gives 5xx and always a
well-formed answer; what is not gives 400. ``REQUESTS=5000 pytest ...`` sends that many of each."""

import asyncio
import os
import tempfile
from pathlib import Path
from unittest import mock

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloud.emulator.aiplatform_v1.routes import document, handlers, routes
from contracts.discovery_requests import Request, Requests
from contracts.memory_backend import MemoryBackend
from contracts.vertex_api import VertexApi, custom_job, model

IN_ONE_CLOUD = 10
EXAMPLES = int(os.environ.get("REQUESTS", "50")) // IN_ONE_CLOUD
SERVED = {route.method_id for route in routes(handlers(mock.Mock(), mock.Mock()))}
REQUESTS = Requests(document(), SERVED, "my-project", "us-central1")
many = settings(
    max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


def send(requests: list[Request]) -> list[int]:
    """The statuses of the answers; that good ones are well formed is checked on the way."""

    async def all_of_them(folder: Path) -> list[int]:
        api = VertexApi(MemoryBackend(), folder)
        try:
            # Something that the requests meet.
            await api.ask("POST", "/models:upload", model() | {"modelId": "a"})
            await api.ask("POST", "/endpoints?endpointId=a", {"displayName": "e"})
            await api.ask("POST", "/customJobs", custom_job())
            answers = [await api.send(request.verb, request.path, request.body) for request in requests]
        finally:
            await api.dialect.close()
        for answer in answers:
            if answer.status != 200 and "rawPredict" not in str(requests):
                error = answer.json["error"]
                assert error["code"] == answer.status
                assert error["status"]
                assert error["message"]
        return [answer.status for answer in answers]

    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(all_of_them(Path(folder)))


@many
@given(st.lists(REQUESTS.valid(), min_size=IN_ONE_CLOUD, max_size=IN_ONE_CLOUD))
def test_a_valid_request_is_never_a_server_error(requests):
    for request, status in zip(requests, send(requests), strict=True):
        assert status < 500, request


@many
@given(st.lists(REQUESTS.invalid(), min_size=IN_ONE_CLOUD, max_size=IN_ONE_CLOUD))
def test_a_request_that_the_document_forbids_is_400(requests):
    for request, status in zip(requests, send(requests), strict=True):
        assert status == 400, request
