from pathlib import Path

from hypothesis import given

from cloud.emulator.rest.discovery import load
from emulator_api.any_request import allowed, forbidden, many, statuses
from emulator_api.backends import memory_backend
from emulator_api.discovery_requests import Requests
from emulator_api.ml_api import Api

VIZIER = "ml.projects.locations.studies."
DOCUMENT = load("ml.v1")
REQUESTS = Requests(DOCUMENT, {name for name in DOCUMENT.methods if not name.startswith(VIZIER)}, "my-project")


async def open_api(folder: Path) -> Api:
    return Api(memory_backend(), folder)


@many(200)
@given(allowed(REQUESTS))
def test_a_valid_request_is_never_a_server_error(requests):
    for request, status in zip(requests, statuses(open_api, requests), strict=True):
        assert status < 500, request


@many(200)
@given(forbidden(REQUESTS))
def test_a_request_that_the_document_forbids_is_400(requests):
    for request, status in zip(requests, statuses(open_api, requests), strict=True):
        assert status == 400, request
