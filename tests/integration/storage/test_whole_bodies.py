"""The fields of requests that are no bucket and no object: served, refused, or named as without effect."""

import itertools

import pytest
import pytest_asyncio

from cloud.emulator.storage_v1.call import Call
from integration.storage.interface_samples import leaves, merged, resource_of, sample, shown
from integration.storage.test_whole_interface import DISCOVERY, named

pytestmark = pytest.mark.asyncio(loop_scope="module")

ENTITIES = ("user-a@example.com", "domain-example.com", "project-owners-123")
"""Of three kinds: an answer has other fields for each."""
GRANT = {"bindings": [{"role": "roles/storage.objectViewer", "members": ["allUsers"]}]}


@pytest_asyncio.fixture(loop_scope="module")
async def stored(endpoint, bucket):
    keep = {"softDeletePolicy": {"retentionDurationSeconds": "604800"}}
    await endpoint.call("PATCH", f"/storage/v1/b/{bucket}", json=keep)
    for name in ("o", "deleted"):
        await endpoint.call("POST", f"/upload/storage/v1/b/{bucket}/o?uploadType=media&name={name}", data=b"x")
    await endpoint.call("DELETE", f"/storage/v1/b/{bucket}/o/deleted")
    return f"/storage/v1/b/{bucket}"


async def check(endpoint, schema, requests):
    """Each field, sent in ``requests(field, value)``, is in an answer, refused, or listed."""
    without = named(f"fields of `{schema}`")
    ignored = set()
    for path, spec in leaves(DISCOVERY["schemas"][schema]):
        answers = [await endpoint.call(*call, json=body) for call, body in requests(path, sample(path, spec))]
        assert {status for status, _ in answers} <= {200, 400, 412}, (path, answers)
        if all(status == 200 and not shown(answer, path) for status, answer in answers):
            ignored.add(path)
    assert ignored == without


@pytest.mark.parametrize(
    ("schema", "lists"), [("BucketAccessControl", ["acl"]), ("ObjectAccessControl", ["o/o/acl", "defaultObjectAcl"])]
)
async def test_access_controls(endpoint, stored, schema, lists):
    def requests(path, value):
        for below, entity in itertools.product(lists, ENTITIES):
            yield ("POST", f"{stored}/{below}"), resource_of(path, value) | {"entity": entity, "role": "READER"}

    await check(endpoint, schema, requests)


@pytest.mark.parametrize("below", ["iam", "o/o/iam"])
async def test_policies(endpoint, stored, below):
    def requests(path, value):
        body = merged(GRANT, resource_of(path, value))
        if path == "bindings[].condition":
            value = {"title": "never", "expression": "false"}
            body = {"bindings": [{**GRANT["bindings"][0], "condition": value}], "version": 3}
        elif path.startswith("bindings[]."):
            body = GRANT
        yield ("PUT", f"{stored}/{below}"), body

    await check(endpoint, "Policy", requests)


@pytest.mark.parametrize(
    ("schema", "below"), [("ComposeRequest", "o/made/compose"), ("BulkRestoreObjectsRequest", "o/bulkRestore")]
)
async def test_what_a_request_asks_for_is_read(endpoint, stored, monkeypatch, schema, below):
    """Of what has no place in an answer."""

    class Read(dict):
        """JSON that notes the paths of the fields that are read."""

        def __init__(self, given, before=""):
            super().__init__((name, self.wrapped(value, f"{before}{name}")) for name, value in given.items())
            self.before = before

        def wrapped(self, value, path):
            if isinstance(value, dict):
                return Read(value, f"{path}.")
            return [self.wrapped(each, f"{path}[]") for each in value] if isinstance(value, list) else value

        def __getitem__(self, name):
            read.add(self.before + name)
            return super().__getitem__(name)

        def get(self, name, default=None):
            read.add(self.before + name)
            return super().get(name, default)

    json = Call.json

    async def noting(call, name):
        return Read(await json(call, name))

    read: set[str] = set()
    monkeypatch.setattr(Call, "json", noting)
    _, found = await endpoint.call("GET", f"{stored}/o/o")
    source = {"name": "o", "generation": found["generation"]}
    source["objectPreconditions"] = {"ifGenerationMatch": found["generation"]}
    bodies = {
        "ComposeRequest": {"sourceObjects": [source], "destination": {"contentType": "text/x"}},
        "BulkRestoreObjectsRequest": {"matchGlobs": ["*"], "softDeletedAfterTime": "2026-01-01T00:00:00Z"},
    }
    status, answer = await endpoint.call("POST", f"{stored}/{below}", json=bodies[schema])
    assert status == 200, answer
    assert schema == "ComposeRequest" or answer["metadata"]["succeededCount"] == "1"
    unread = {path.removesuffix("[]") for path, _ in leaves(DISCOVERY["schemas"][schema])} - read
    assert unread == named(f"fields of `{schema}`")
