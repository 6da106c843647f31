"""``StorageClient`` against the emulated Cloud Storage, where the contract of backends does not test it."""

import asyncio
import os

import pytest
import pytest_asyncio

from cloud.errors import (
    AlreadyExists,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    PermissionDenied,
    Unauthenticated,
    Unavailable,
)
from cloud.gcs.backoff import Retries
from cloud.gcs.client import StorageClient
from cloud.names import GsUri
from cloud.resources import Access

pytestmark = pytest.mark.asyncio(loop_scope="module")

JOB = "service-7@cloud-ml.google.com.iam.gserviceaccount.com"


@pytest_asyncio.fixture(loop_scope="module")
async def client(endpoint):
    client = endpoint.client()
    yield client
    await client.close()


@pytest_asyncio.fixture(loop_scope="module")
async def job(endpoint):
    client = endpoint.client("job")
    yield client
    await client.close()


async def test_buckets(client):
    created = await client.create_bucket("client-bkt", location="europe-west4")
    assert (created.location, created) == ("EUROPE-WEST4", await client.get_bucket("client-bkt"))
    assert created in await client.list_buckets()
    with pytest.raises(AlreadyExists):
        await client.create_bucket("client-bkt")
    with pytest.raises(InvalidArgument):
        await client.create_bucket("Illegal")
    await client.write_object(GsUri("client-bkt", "o"), b"")
    with pytest.raises(FailedPrecondition, match="not empty"):
        await client.delete_bucket("client-bkt")
    assert await client.delete_objects(GsUri("client-bkt")) == 1
    await client.delete_bucket("client-bkt")
    for call in (client.get_bucket, client.delete_bucket):
        with pytest.raises(NotFound):
            await call("client-bkt")
    with pytest.raises(NotFound):
        await client.get_bucket("../storage")


async def test_sixty_four_uploads_at_once(client, bucket):
    contents = {f"d/{number:02}": os.urandom(number * 5000) for number in range(64)}
    uris = {name: GsUri(bucket, name) for name in contents}
    await asyncio.gather(*(client.write_object(uris[name], data) for name, data in contents.items()))
    assert [found.uri.path for found in await client.list_objects(GsUri(bucket, "d"))] == sorted(contents)
    read = await asyncio.gather(*(client.read_object(uri) for uri in uris.values()))
    assert read == list(contents.values())


async def test_folders_round_trip(client, bucket, tmp_path):
    files = {"x.csv": b"1,2\n" * 700_000, "d/y.txt": b"", "d/e/Zé": b"z"}
    for name, data in files.items():
        (tmp_path / "from" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "from" / name).write_bytes(data)
    reported = []
    uploaded = await client.upload(tmp_path / "from", GsUri(bucket, "data"), on_progress=reported.append)
    assert [found.uri.path for found in uploaded] == ["data/d/e/Zé", "data/d/y.txt", "data/x.csv"]
    assert uploaded[2].content_type == "text/csv"
    total = sum(map(len, files.values()))
    assert (reported[-1].bytes_done, reported[-1].bytes_total, reported[-1].files_done) == (total, total, 3)
    assert any(0 < step.bytes_done < total for step in reported)
    await client.write_object(GsUri(bucket, "data/placeholder/"), b"")
    reported.clear()
    paths = await client.download(GsUri(bucket, "data/"), tmp_path / "to", on_progress=reported.append)
    assert (tmp_path / "to" / "placeholder").is_dir()
    for name, data in files.items():
        assert (tmp_path / "to" / name).read_bytes() == data
        assert tmp_path / "to" / name in paths
    assert reported[-1].bytes_done == total
    assert list((tmp_path / "to").rglob(".*")) == []


async def test_names_that_escape_the_folder_are_refused(client, bucket, tmp_path):
    await client.write_object(GsUri(bucket, "d/../../escaped"), b"x")
    await client.write_object(GsUri(bucket, "d/fine"), b"x")
    with pytest.raises(InvalidArgument, match="cannot be a path"):
        await client.download(GsUri(bucket, "d/"), tmp_path / "to")
    assert list(tmp_path.rglob("*")) == []


async def test_missing_resources(client, bucket, tmp_path):
    nowhere = GsUri("no-such-bucket-here", "o")
    (tmp_path / "file").write_bytes(b"x")
    for call in (
        client.read_object(GsUri(bucket, "nope")),
        client.read_object(nowhere),
        client.write_object(nowhere, b""),
        client.list_objects(nowhere),
        client.delete_objects(nowhere),
        client.upload(tmp_path / "file", nowhere),
        client.download(GsUri(bucket, "nope"), tmp_path),
        client.grant("no-such-bucket-here", JOB, Access.READ),
    ):
        with pytest.raises(NotFound):
            await call
    assert await client.list_objects(GsUri(bucket, "nope")) == []
    assert await client.delete_objects(GsUri(bucket, "nope")) == 0


async def test_grants(client, job, bucket):
    old, new = GsUri(bucket, "old"), GsUri(bucket, "new")
    await client.write_object(old, b"x")
    for call in (job.read_object(old), job.list_objects(GsUri(bucket)), job.write_object(new, b"")):
        with pytest.raises(PermissionDenied, match=JOB):
            await call
    await client.grant(bucket, JOB, Access.READ)
    assert await job.read_object(old) == b"x"
    assert len(await job.list_objects(GsUri(bucket))) == 1
    await client.write_object(new, b"y")
    with pytest.raises(PermissionDenied):
        await job.read_object(new)
    await client.grant(bucket, JOB, Access.READ_NEW)
    await client.write_object(new, b"y")
    assert await job.read_object(new) == b"y"
    with pytest.raises(PermissionDenied):
        await job.write_object(old, b"z")
    await client.grant(bucket, JOB, Access.WRITE)
    # Granting less afterwards, or again, revokes nothing.
    await asyncio.gather(*(client.grant(bucket, JOB, access) for access in (*Access, *Access)))
    await job.write_object(old, b"z")
    assert await job.delete_objects(old) == 1
    for account in ("", "nobody", "a b@c.d", "x@y"):
        with pytest.raises(InvalidArgument, match="e-mail"):
            await client.grant(bucket, account, Access.READ)


async def test_an_invalid_token(endpoint, bucket):
    client = StorageClient(endpoint.url, lambda: "forged", "my-project")
    with pytest.raises(Unauthenticated):
        await client.list_objects(GsUri(bucket))
    await client.close()


async def test_no_server(unused_tcp_port):
    retries = Retries(attempts=3, first=0.001)
    client = StorageClient(f"http://127.0.0.1:{unused_tcp_port}", lambda: "", "my-project", retries=retries)
    with pytest.raises(Unavailable, match="cannot be reached"):
        await client.list_buckets()
    await client.close()


async def test_grants_where_access_is_uniform(endpoint, client, job):
    await client.create_bucket("uniform-bkt")
    uniform = {"iamConfiguration": {"uniformBucketLevelAccess": {"enabled": True}}}
    await client._call("PATCH", "b/uniform-bkt", None, uniform)
    await client.write_object(GsUri("uniform-bkt", "old"), b"1")
    with pytest.raises(PermissionDenied):
        await job.read_object(GsUri("uniform-bkt", "old"))
    for access in (Access.READ, Access.READ_NEW, Access.READ):
        await client.grant("uniform-bkt", JOB, access)
    assert await job.read_object(GsUri("uniform-bkt", "old")) == b"1"
    with pytest.raises(PermissionDenied):
        await job.write_object(GsUri("uniform-bkt", "new"), b"2")
    await client.grant("uniform-bkt", JOB, Access.WRITE)
    await job.write_object(GsUri("uniform-bkt", "new"), b"2")
