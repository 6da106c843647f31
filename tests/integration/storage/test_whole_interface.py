"""Every parameter and every field of Google's is served, refused, or named in docs/fidelity.md as without effect."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import orjson
import pytest

from cloud.emulator.rest.discovery import load
from cloud.emulator.storage_v1 import features
from cloud.emulator.storage_v1.call import Call
from cloud.emulator.storage_v1.routes import DOCUMENT, ROUTES
from integration.storage.interface_samples import ACL_ENTRY, leaves, resource_of, sample, shown

pytestmark = pytest.mark.asyncio(loop_scope="module")

PAGE = (Path(__file__).parents[3] / "docs" / "fidelity.md").read_text()
DISCOVERY = orjson.loads(load(DOCUMENT).content)
SERVED = sorted({route.method_id for route in ROUTES})
CONSUMED_ELSEWHERE = {"alt", "fields", "oauth_token", "uploadType", "permissions"}
"""Parameters that are read before the handlers, or as a list: not by ``Call.query``."""
OF_OTHER_STATES = {
    "Bucket": {"retentionPolicy.isLocked"},
    "Object": {"componentCount", "timeDeleted", "softDeleteTime", "hardDeleteTime", "retentionExpirationTime"},
}
"""Fields that new buckets and objects do not have: locked, composed, old, deleted and retained ones do."""


def named(what):
    """The names in a row of the page's table; parameters of one method only with its id."""
    [row] = re.findall(rf"^\| {what} \|([^|]*)\|", PAGE, re.MULTILINE)
    return set(re.findall(r"`([^`]+)`", row))


class Reads(Mapping):
    """A query that notes which of its parameters are read."""

    def __init__(self, query, names):
        self.query, self.names = query, names

    def __getitem__(self, name):
        self.names.add(name)
        return self.query[name]

    def __contains__(self, name):
        self.names.add(name)
        return name in self.query

    def __iter__(self) -> Iterator[str]:
        return iter(self.query)

    def __len__(self):
        return len(self.query)

    def getall(self, name, default=()):
        self.names.add(name)
        return self.query.getall(name, default)


@pytest.fixture
def reads(monkeypatch):
    """Names of the parameters that handlers read, by method."""
    found: dict[str, set[str]] = {}

    def query(call):
        return Reads(call.request.query, found.setdefault(call.method_id, set()))

    monkeypatch.setattr(Call, "query", property(query))
    return found


def methods():
    def walk(node):
        yield from node.get("methods", {}).values()
        for below in node.get("resources", {}).values():
            yield from walk(below)

    return {method["id"]: method for method in walk(DISCOVERY)}


BODIES = {
    "storage.buckets.insert": {"name": "bkt-walked"},
    "storage.buckets.setIamPolicy": {"bindings": []},
    "storage.objects.compose": {"sourceObjects": [{"name": "o"}]},
    "storage.objects.insert": {"name": "inserted"},
    "storage.objects.patch": {"contentType": "text/x"},
    "storage.objects.setIamPolicy": {"bindings": []},
}
QUERIES = {
    "testIamPermissions": "?permissions=storage.objects.get",
    "lockRetentionPolicy": "?ifMetagenerationMatch=9",
}


async def test_every_parameter(endpoint, bucket, reads):
    keep = {"softDeletePolicy": {"retentionDurationSeconds": "604800"}}
    await endpoint.call("PATCH", f"/storage/v1/b/{bucket}", json=keep)
    upload = f"/upload/storage/v1/b/{bucket}/o?uploadType=media&name="
    _, gone = await endpoint.call("POST", f"{upload}o", data=b"x")
    await endpoint.call("DELETE", f"/storage/v1/b/{bucket}/o/o")
    await endpoint.call("POST", f"{upload}o", data=b"x")
    places = {"entity": "allUsers", "sourceObject": "o", "destinationObject": "q", "projectId": "p", "object": "o"}
    places |= dict.fromkeys(("bucket", "sourceBucket", "destinationBucket"), bucket) | {"operationId": "none"}
    _, former = await endpoint.call("POST", "/storage/v1/b", json={"name": "bkt-former", **keep})
    await endpoint.call("DELETE", "/storage/v1/b/bkt-former")
    # What deletes comes last.
    for method_id in sorted(
        SERVED, key=lambda each: (each.endswith(".delete"), each.endswith(("buckets.delete", "move")))
    ):
        method = methods()[method_id]
        is_of_former = method_id == "storage.buckets.restore"
        there = places | ({"bucket": "bkt-former"} if is_of_former else {})
        path = re.sub(r"\{(\w+)\}", lambda match: there[match[1]], method["path"])  # noqa: B023 - called at once
        body = BODIES.get(method_id, ACL_ENTRY if "AccessControls." in method_id else {})
        options = {"json": body} if method.get("request") else {}
        queries = QUERIES | {"restore": f"?generation={(former if is_of_former else gone)['generation']}"}
        query = queries.get(method_id.rpartition(".")[2], "")
        status, answer = await endpoint.call(method["httpMethod"], f"/storage/v1/{path}{query}", **options)
        assert status in (200, 204, 404, 409, 412), (method_id, answer)
    without = named("parameters")
    unread, effective = set(), set(without)
    for method_id in SERVED:
        given = {
            name for name, about in methods()[method_id].get("parameters", {}).items() if about["location"] == "query"
        }
        for name in given - reads.get(method_id, set()) - CONSUMED_ELSEWHERE - features._PARAMETERS.keys():
            listed = {name, f"{method_id.removeprefix('storage.')}.{name}"} & without
            effective -= listed
            if not listed:
                unread.add(f"{method_id}: {name}")
    assert sorted(unread) == [], "neither served nor refused: serve them, or list them in docs/fidelity.md"
    common = DISCOVERY["parameters"].keys() - CONSUMED_ELSEWHERE
    assert common <= without
    assert sorted(effective - common) == [], "docs/fidelity.md lists what has an effect, or does not exist"


@pytest.mark.parametrize("schema", ["Bucket", "Object"])
async def test_every_field(endpoint, bucket, schema):
    without = named(f"fields of `{schema}`")
    ignored, effective = set(), set(without)
    for number, (path, spec) in enumerate(leaves(DISCOVERY["schemas"][schema])):
        resource = resource_of(path, sample(path, spec))
        if schema == "Bucket":
            resource = {"name": f"bkt-field-{number}"} | {
                name: value for name, value in resource.items() if name != "name"
            }
            status, answer = await endpoint.call("POST", "/storage/v1/b?projection=full", json=resource)
        else:
            resource = {"contentType": "text/x"} | resource | {"name": f"field-{number}"}
            path_of_upload = f"/upload/storage/v1/b/{bucket}/o?uploadType=resumable&projection=full"
            begun = await endpoint.reply("POST", path_of_upload, json=resource)
            status, answer = begun.status, None
            if status == 200:
                where = begun.headers["Location"].removeprefix(endpoint.url)
                status, answer = await endpoint.call("PUT", f"{where}&projection=full", data=b"x")
        assert status in (200, 400, 412), (path, answer)
        if path in OF_OTHER_STATES[schema]:
            continue
        if status == 200 and not shown(answer, path):
            effective.discard(path)
            if path not in without:
                ignored.add(path)
    assert sorted(ignored) == [], "neither served nor refused: serve them, or list them in docs/fidelity.md"
    assert sorted(effective) == [], "docs/fidelity.md lists what has an effect, or does not exist"
