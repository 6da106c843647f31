from pathlib import Path
from unittest import mock

from hypothesis import given

from cloud.emulator.aiplatform_v1.routes import AiplatformV1
from cloud.emulator.aiplatform_v1.tables import ENUM_NUMBERS
from cloud.emulator.rest.discovery import load
from emulator_api.any_request import allowed, forbidden, many, statuses
from emulator_api.backends import memory_backend
from emulator_api.discovery_requests import Requests
from emulator_api.vertex_api import VertexApi, custom_job, model

SERVED = {route.method_id for route in AiplatformV1.routes(mock.Mock())}
REQUESTS = Requests(load("aiplatform.v1", ENUM_NUMBERS), SERVED, "my-project", "us-central1")


async def open_api(folder: Path) -> VertexApi:
    api = VertexApi(memory_backend(), folder)
    await api.ask("POST", "/models:upload", model() | {"modelId": "a"})
    await api.ask("POST", "/endpoints?endpointId=a", {"displayName": "e"})
    await api.ask("POST", "/customJobs", custom_job())
    return api


@many(30)
@given(allowed(REQUESTS))
def test_a_valid_request_is_never_a_server_error(requests):
    for request, status in zip(requests, statuses(open_api, requests), strict=True):
        assert status < 500, request


@many(30)
@given(forbidden(REQUESTS))
def test_a_request_that_the_document_forbids_is_400(requests):
    for request, status in zip(requests, statuses(open_api, requests), strict=True):
        assert status == 400, request
