"""Folders that are served as public buckets, read by everybody's requests and written by nobody's."""

import base64
import hashlib

import pytest
import pytest_asyncio

from cloud.errors import InvalidArgument
from cloud.settings import IamMode
from integration.storage.conftest import open_endpoint

pytestmark = pytest.mark.asyncio(loop_scope="module")

DATA = b"fare,key\n" * 300_000
BUCKET = "cloud-samples-data"
OBJECT = f"/storage/v1/b/{BUCKET}/o/ai-platform%2Fcensus%2Ftrain.csv"


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=[IamMode.STRICT, IamMode.OFF])
async def endpoint(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("served")
    (folder / "ai-platform" / "census").mkdir(parents=True)
    (folder / "ai-platform" / "census" / "train.csv").write_bytes(DATA)
    (folder / "mnist.npz").write_bytes(b"npz")
    (folder / "outside").symlink_to("/etc/hostname")
    state = tmp_path_factory.mktemp("state")
    async with open_endpoint(state, iam=request.param, public={BUCKET: folder}) as opened:
        yield opened


@pytest.mark.parametrize("caller", ["owner", "job", ""])
async def test_anyone_reads_it(endpoint, caller):
    status, found = await endpoint.call("GET", OBJECT, caller=caller)
    assert status == 200
    assert found["md5Hash"] == base64.b64encode(hashlib.md5(DATA, usedforsecurity=False).digest()).decode()
    assert (found["contentType"], found["size"]) == ("text/csv", str(len(DATA)))
    for path in (f"{OBJECT}?alt=media", f"/{BUCKET}/ai-platform/census/train.csv"):
        part = await endpoint.call("GET", path, caller=caller, headers={"Range": "bytes=9-12"})
        assert part == (206, b"fare")
        assert await endpoint.call("GET", path, caller=caller) == (200, DATA)
        reply = await endpoint.reply("GET", path, caller=caller)
        assert f"crc32c={found['crc32c']}" in reply.headers["X-Goog-Hash"]
    _, listed = await endpoint.call("GET", f"/storage/v1/b/{BUCKET}/o?delimiter=/", caller=caller)
    assert ([item["name"] for item in listed["items"]], listed["prefixes"]) == (["mnist.npz"], ["ai-platform/"])
    assert listed["items"][0]["crc32c"]
    status, bucket = await endpoint.call("GET", f"/storage/v1/b/{BUCKET}", caller=caller)
    assert (status, bucket["name"]) == (200, BUCKET)
    status, page = await endpoint.call("GET", f"/{BUCKET}?prefix=mnist", caller=caller)
    assert (status, page.count(b"<Contents>")) == (200, 1)


async def test_nothing_of_it_is_deleted(endpoint):
    _, page = await endpoint.call("GET", f"/storage/v1/b/{BUCKET}/o?softDeleted=true")
    assert "items" not in page
    _, page = await endpoint.call("GET", f"/storage/v1/b/{BUCKET}/o?versions=true")
    assert len(page["items"]) == 2


async def test_hashes_that_are_not_shown_are_not_computed(endpoint, monkeypatch):
    read = []
    monkeypatch.setattr("cloud.engine.storage.public.hashes._read", read.append)
    for fields in ("items/name,prefixes,nextPageToken", "items(name,size)"):
        status, _ = await endpoint.call("GET", f"/storage/v1/b/{BUCKET}/o?fields={fields}")
        assert status == 200
    assert read == []


@pytest.mark.parametrize(
    ("verb", "path", "options"),
    [
        ("POST", f"/upload/storage/v1/b/{BUCKET}/o?uploadType=media&name=new", {"data": b"x"}),
        ("POST", f"/upload/storage/v1/b/{BUCKET}/o?uploadType=resumable&name=new", {"json": {}}),
        ("PUT", f"/{BUCKET}/new", {"data": b"x"}),
        ("DELETE", OBJECT, {}),
        ("PATCH", OBJECT, {"json": {"metadata": {"a": "b"}}}),
        ("DELETE", f"/storage/v1/b/{BUCKET}", {}),
        ("PATCH", f"/storage/v1/b/{BUCKET}", {"json": {"labels": {}}}),
        ("GET", f"/storage/v1/b/{BUCKET}/iam", {}),
        ("POST", f"/storage/v1/b/{BUCKET}/o/new/compose", {"json": {"sourceObjects": [{"name": "mnist.npz"}]}}),
        ("POST", f"{OBJECT}/rewriteTo/b/{BUCKET}/o/new", {"json": {}}),
    ],
)
async def test_nobody_changes_it(endpoint, verb, path, options):
    status, answer = await endpoint.call(verb, path, **options)
    assert status == 403
    assert "may be read only" in str(answer)


async def test_a_link_that_leaves_the_folder_is_refused(endpoint):
    status, answer = await endpoint.call("GET", f"/storage/v1/b/{BUCKET}/o/outside?alt=media")
    assert (status, "symbolic link out of the folder" in str(answer)) == (403, True)


async def test_it_is_no_bucket_of_the_project(endpoint):
    _, listed = await endpoint.call("GET", "/storage/v1/b?project=my-project")
    assert BUCKET not in [bucket["name"] for bucket in listed.get("items", [])]
    status, answer = await endpoint.call("POST", "/storage/v1/b?project=my-project", json={"name": BUCKET})
    assert (status, "not available" in str(answer)) == (409, True)


async def test_an_object_is_copied_to_a_bucket_of_ones_own(endpoint):
    await endpoint.call("POST", "/storage/v1/b?project=my-project", json={"name": "mine"})
    status, done = await endpoint.call("POST", f"{OBJECT}/rewriteTo/b/mine/o/copy.csv", json={})
    assert (status, done["done"], done["resource"]["contentType"]) == (200, True, "text/csv")
    assert await endpoint.call("GET", "/storage/v1/b/mine/o/copy.csv?alt=media") == (200, DATA)


async def test_what_is_missing_is_said_in_words_also_to_clients_that_show_the_reason_phrase(endpoint):
    """As ``keras.utils.get_file`` does."""
    reply = await endpoint.reply("GET", "/tensorflow/tf-keras-datasets/mnist.npz", caller="")
    assert (reply.status, "--public tensorflow=FOLDER" in reply.reason) == (404, True)
    status, body = await endpoint.call("GET", "/tensorflow/tf-keras-datasets/mnist.npz", caller="")
    assert (status, b"<Code>NoSuchBucket</Code>" in body) == (404, True)
    status, answer = await endpoint.call("GET", "/storage/v1/b/cloud-training-demos/o")
    assert (status, "--public cloud-training-demos=FOLDER" in answer["error"]["message"]) == (404, True)
    reply = await endpoint.reply("GET", f"/{BUCKET}/none.csv", caller="")
    assert (reply.status, f"served as gs://{BUCKET} has no such file" in reply.reason) == (404, True)
    reply = await endpoint.reply("GET", "/storage/v1/b/my-own-bucket/o")
    assert (reply.status, reply.reason) == (404, "Not Found")


async def test_a_bucket_of_the_project_cannot_be_public_too(tmp_path):
    async with open_endpoint(tmp_path / "state") as opened:
        await opened.call("POST", "/storage/v1/b?project=my-project", json={"name": BUCKET})
    with pytest.raises(InvalidArgument, match=f"--public: {BUCKET} is a bucket of the project"):
        async with open_endpoint(tmp_path / "state", public={BUCKET: tmp_path}):
            pass
