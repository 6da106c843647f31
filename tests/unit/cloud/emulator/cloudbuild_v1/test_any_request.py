from pathlib import Path
from unittest import mock

from hypothesis import given

from cloud.emulator.cloudbuild_v1.routes import CloudBuildV1
from cloud.emulator.cloudbuild_v1.tables import ENUM_NUMBERS
from cloud.emulator.rest.discovery import load
from emulator_api.any_request import allowed, forbidden, many, statuses
from emulator_api.backends import memory_backend
from emulator_api.discovery_requests import Requests
from emulator_api.image_apis import BuildApi, docker

SERVED = {route.method_id for route in CloudBuildV1.routes(mock.Mock()) if ".locations." in route.method_id}
REQUESTS = Requests(load("cloudbuild.v1", ENUM_NUMBERS), SERVED, "my-project", "us-central1")


async def open_api(folder: Path) -> BuildApi:
    api = BuildApi(memory_backend(), folder)
    await api.build({"steps": [docker("pull", "python")]})
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
