"""Objects that are larger than a piece: the same object to every reader, in bounded memory."""

import asyncio
import base64
import hashlib
import io
import os
import random
import tempfile

import google_crc32c
import pytest
import pytest_asyncio

from cloud.engine.storage import pieces as module
from cloud.engine.storage.objects import NewObject
from integration.storage.conftest import OWNER

pytestmark = pytest.mark.asyncio(loop_scope="module")

PIECE = 100_000
CONTENT = random.Random(1).randbytes(3 * PIECE + 1)  # noqa: S311 - just bytes


@pytest.fixture(autouse=True)
def _small_pieces(monkeypatch):
    monkeypatch.setattr(module, "PIECE", PIECE)


def upload(bucket, name):
    return f"/upload/storage/v1/b/{bucket}/o?uploadType=media&name={name}"


@pytest_asyncio.fixture(loop_scope="module")
async def large(endpoint, bucket, tmp_path):
    # Through the engine: the emulator's buffer is a file only from a megabyte on.
    path = tmp_path / "content"
    path.write_bytes(CONTENT)
    with path.open("rb") as file:
        return await endpoint.service.objects.insert(OWNER, NewObject(bucket, "large"), file, len(CONTENT))


def keys_of(endpoint, bucket):
    return sorted(path.name for path in (endpoint.service.server.root / bucket).rglob("*") if path.is_file())


async def test_it_has_the_checksums_of_its_bytes(large):
    assert [piece.size for piece in large.pieces] == [PIECE, PIECE, PIECE, 1]
    assert large.md5 == base64.b64encode(hashlib.md5(CONTENT, usedforsecurity=False).digest()).decode()
    assert large.crc32c == base64.b64encode(google_crc32c.value(CONTENT).to_bytes(4, "big")).decode()


@pytest.mark.parametrize(
    "span", [(0, 1), (PIECE - 1, PIECE), (PIECE, PIECE), (PIECE - 1, 3 * PIECE), (3 * PIECE, 3 * PIECE), (0, 3 * PIECE)]
)
async def test_every_range_is_read(endpoint, bucket, large, span):
    first, last = span
    status, body = await endpoint.call("GET", f"/{bucket}/large", headers={"Range": f"bytes={first}-{last}"})
    assert (status, body == CONTENT[first : last + 1]) == (206, True)


async def test_copies_and_compositions_hold_the_same_bytes(endpoint, bucket, large):
    path = f"/storage/v1/b/{bucket}/o"
    assert (await endpoint.call("POST", f"{path}/large/rewriteTo/b/{bucket}/o/copy", json={}))[0] == 200
    assert (await endpoint.call("POST", upload(bucket, "small"), data=b"tail"))[0] == 200
    sources = [{"name": name} for name in ("large", "small", "small", "copy")]
    status, joined = await endpoint.call("POST", f"{path}/joined/compose", json={"sourceObjects": sources})
    expected = CONTENT + b"tailtail" + CONTENT
    assert (status, joined["size"], joined["componentCount"]) == (200, str(len(expected)), 4)
    assert joined["crc32c"] == base64.b64encode(google_crc32c.value(expected).to_bytes(4, "big")).decode()
    assert (await endpoint.call("GET", f"/{bucket}/joined"))[1] == expected
    status, moved = await endpoint.call("POST", f"{path}/joined/moveTo/o/moved")
    assert (status, moved["crc32c"]) == (200, joined["crc32c"])
    assert (await endpoint.call("GET", f"/{bucket}/moved"))[1] == expected
    assert (await endpoint.call("GET", f"/{bucket}/joined"))[0] == 404


async def test_all_pieces_of_a_deleted_object_go(endpoint, bucket, large):
    assert len(keys_of(endpoint, bucket)) == 4
    assert (await endpoint.call("DELETE", f"/storage/v1/b/{bucket}/o/large"))[0] == 204
    async with asyncio.timeout(10):
        await endpoint.service._garbage.wait()
    assert keys_of(endpoint, bucket) == []


async def test_a_reader_gets_all_of_an_object_that_is_deleted_meanwhile(endpoint, bucket, large):
    objects = endpoint.service.objects
    async with objects.read(large, range(len(CONTENT))) as blocks:
        received = await anext(blocks)
        objects.delete(OWNER, bucket, "large")
        await endpoint.service._garbage.wait()
        async for block in blocks:
            received += block
    assert received == CONTENT
    await endpoint.service._garbage.wait()
    assert keys_of(endpoint, bucket) == []


async def test_a_failed_upload_leaves_no_piece(endpoint, bucket):
    class Broken(io.BytesIO):
        def read(self, size=-1):
            if self.tell() >= 2 * PIECE:
                raise OSError(5, "broken")
            return super().read(size)

        def fileno(self):
            return file.fileno()

    with tempfile.TemporaryFile() as file, pytest.raises(OSError, match="broken"):
        await endpoint.service.objects.insert(OWNER, NewObject(bucket, "broken"), Broken(CONTENT), len(CONTENT))
    await endpoint.service._garbage.wait()
    assert keys_of(endpoint, bucket) == []


@pytest.mark.skipif(not hasattr(os, "listxattr"), reason="the attributes are elsewhere")
async def test_a_file_that_a_killed_server_left_without_attributes_is_deleted(endpoint, bucket, large):
    for key in keys_of(endpoint, bucket):
        file = next((endpoint.service.server.root / bucket).rglob(key))
        attributes = os.listxattr(file)
        assert attributes
        for name in attributes:
            os.removexattr(file, name)
    assert (await endpoint.call("DELETE", f"/storage/v1/b/{bucket}/o/large"))[0] == 204
    await endpoint.service._garbage.wait()
    assert keys_of(endpoint, bucket) == []
    assert (await endpoint.call("DELETE", f"/storage/v1/b/{bucket}"))[0] == 204
    assert not (endpoint.service.server.root / bucket).exists()


async def test_a_folder_that_a_killed_process_left_does_not_take_the_name(endpoint, bucket):
    name = f"{bucket}-left"
    (endpoint.service.server.root / name).mkdir()
    assert (await endpoint.call("POST", "/storage/v1/b", json={"name": name}))[0] == 200
    assert (await endpoint.call("POST", upload(name, "o"), data=b"1"))[0] == 200


async def test_a_bucket_that_is_still_read_does_not_take_the_name(endpoint, bucket, large, caplog):
    """As where a program leaves a download unfinished, deletes the bucket and begins anew."""
    objects = endpoint.service.objects
    async with objects.read(large, range(len(CONTENT))) as blocks:
        received = await anext(blocks)
        assert (await endpoint.call("DELETE", f"/storage/v1/b/{bucket}/o/large"))[0] == 204
        assert (await endpoint.call("DELETE", f"/storage/v1/b/{bucket}"))[0] == 204
        assert (await endpoint.call("POST", "/storage/v1/b", json={"name": bucket}))[0] == 200
        assert (await endpoint.call("POST", upload(bucket, "new"), data=b"1"))[0] == 200
        async for block in blocks:
            received += block
    assert received == CONTENT
    await endpoint.service._garbage.wait()
    assert len(keys_of(endpoint, bucket)) == 1
    assert await endpoint.call("GET", f"/{bucket}/new") == (200, b"1")
    assert not caplog.messages
