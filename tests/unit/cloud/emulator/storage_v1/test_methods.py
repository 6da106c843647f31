"""The table of methods against Google's own: the discovery document inside google-api-python-client."""

import json
import re

import pytest

from cloud.emulator.storage_v1.routes import refusals, routes
from cloud.emulator.storage_v1.unimplemented import REFUSED
from cloud.wire.discovery_documents import read_document


class Nothing:
    """Stands for a service that is not asked anything."""

    def __getattr__(self, name):
        return self


def methods(resource):
    yield from resource.get("methods", {}).values()
    for inner in resource.get("resources", {}).values():
        yield from methods(inner)


@pytest.fixture(scope="module")
def google():
    """Verb and path of each method, by id."""
    return {
        method["id"]: (method["httpMethod"], place(f"/storage/v1/{method['path']}"))
        for method in methods(json.loads(read_document("storage.v1")))
    }


def place(path):
    return re.sub(r"\{\w*\}", "{}", path)


def test_every_method_is_served_or_refused_and_there_is_no_other(google):
    served = {route.method_id for route in routes(Nothing())}
    refused = {route.method_id for route in refusals()}
    assert served & refused == set()
    assert served | refused == google.keys()
    assert len(served) >= 39


def test_every_method_is_where_google_has_it(google):
    for route in (*routes(Nothing()), *refusals()):
        if not route.path.startswith(("/upload/", "/download/")):
            assert (route.verb, place(route.path)) == google[route.method_id], route.method_id


def test_every_refusal_has_a_reason():
    assert all(group.methods and len(group.reason) > 20 for group in REFUSED)
    assert len(refusals()) == len({route.method_id for route in refusals()})
