"""Every method of Google's discovery documents is served, or refused by its name: none is unknown."""

import re

import pytest

from cloud.emulator.rest.discovery import Method
from emulator_api.api_client import ApiClient
from emulator_api.backends import memory_backend
from emulator_api.ml_api import Api
from emulator_api.vertex_api import VertexApi

_MANY = re.compile(r"\[\^/\][+*]|\.[+*]")


def address(method: Method) -> str:
    """Where a request for ``method`` goes, with some resource of the project ``my-project`` in it."""
    path = method.path
    for name, pattern in method.patterns.items():
        value = pattern.replace("projects/[^/]+", "projects/my-project", 1)
        value = value.replace("locations/[^/]+", "locations/us-central1", 1)
        path = re.sub(rf"\{{\+?{name}\}}", _MANY.sub("x1", value), path)
    return f"/{path}"


@pytest.mark.parametrize("kind", [Api, VertexApi])
async def test_a_method_that_is_missing_is_refused_by_its_name(kind: type[ApiClient], tmp_path) -> None:
    api = kind(memory_backend(), tmp_path)
    served = {route.method_id for route in api.emulated.routes()}
    missing = [method for method in api.document().methods.values() if method.id not in served]
    assert len(missing) > 10
    wrong = {}
    for method in missing:
        error = (await api.send(method.http_method, address(method))).json["error"]
        details = error.get("details", [{}])[0]
        found = (error["code"], details.get("reason"), details.get("metadata", {}).get("method"))
        if found != (403, "METHOD_NOT_EMULATED", method.id) or len(error["message"]) < len(method.id) + 40:
            wrong[method.id] = address(method), found
    await api.close()
    assert wrong == {}


@pytest.mark.parametrize(("kind", "path"), [(Api, "/jobs"), (VertexApi, "/customJobs")])
async def test_a_client_that_outlives_the_cloud_is_told_so(kind: type[ApiClient], path: str, tmp_path) -> None:
    api = kind(memory_backend(), tmp_path)
    assert await api.ask("GET", path) == {}
    await api.close()
    assert await api.refusal("GET", path) == {
        "code": 503,
        "message": "The local cloud is ending.",
        "status": "UNAVAILABLE",
    }
