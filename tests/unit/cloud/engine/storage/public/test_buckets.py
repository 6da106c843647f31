import os
from pathlib import Path

import pytest

from cloud.engine.storage.public.buckets import PublicBuckets
from cloud.errors import InvalidArgument, NotFound, Unavailable

BIG = bytes(range(256)) * 10_000


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "census").mkdir()
    (tmp_path / "census" / "train.csv").write_bytes(BIG)
    (tmp_path / "mnist.npz").write_bytes(b"npz")
    (tmp_path / "a.tar.gz").write_bytes(b"gz")
    return tmp_path


@pytest.fixture
def public(folder):
    return PublicBuckets({"cloud-samples-data": folder})


async def text(public, record, span):
    async with public.read(record, span) as blocks:
        return b"".join([block async for block in blocks])


async def test_a_file_is_an_object(public, folder):
    record = public.object("cloud-samples-data", "census/train.csv")
    assert (record.size, record.attributes.content_type) == (len(BIG), "text/csv")
    assert await text(public, record, range(len(BIG))) == BIG
    assert await text(public, record, range(255, 300)) == BIG[255:300]
    assert [each.name for each in public.objects_from("cloud-samples-data", "")] == [
        "a.tar.gz",
        "census/train.csv",
        "mnist.npz",
    ]
    # Nothing decompresses what clients read.
    assert public.object("cloud-samples-data", "a.tar.gz").attributes.content_encoding is None
    assert public.object("cloud-samples-data", "none") is None


async def test_hashes_are_there_once_they_were_needed(public):
    record = public.object("cloud-samples-data", "mnist.npz")
    assert (record.md5, record.crc32c) == (None, "")
    [hashed] = await public.hashed([record])
    assert (hashed.md5, hashed.crc32c) == ("YqnXZU0SqAW3VHe2HBWXNA==", "Coa41w==")
    assert public.object("cloud-samples-data", "mnist.npz") == hashed


async def test_a_file_that_changes_is_another_object(public, folder):
    before = public.object("cloud-samples-data", "mnist.npz")
    await public.hashed([before])
    (folder / "mnist.npz").write_bytes(b"other")
    os.utime(folder / "mnist.npz", ns=(0, 10**18))
    after = public.object("cloud-samples-data", "mnist.npz")
    assert after.generation == 10**15 != before.generation
    assert after.crc32c == ""
    with pytest.raises(NotFound, match="No such object"):
        await text(public, before, range(3))
    (folder / "mnist.npz").unlink()
    with pytest.raises(NotFound, match="No such object"):
        await text(public, after, range(3))
    with pytest.raises(Unavailable, match="cannot be read"):
        await public.hashed([after])


async def test_a_file_that_becomes_shorter_meanwhile_is_no_success(public, folder):
    record = public.object("cloud-samples-data", "census/train.csv")
    async with public.read(record, range(record.size)) as blocks:
        await anext(blocks)
        os.truncate(folder / "census" / "train.csv", 10)
        with pytest.raises(Unavailable, match="became shorter"):
            async for _ in blocks:
                pass


@pytest.mark.parametrize(
    ("name", "folder", "words"),
    [("cloud-samples-data", "/none", "--public: no such folder: /none"), ("No_Bucket!", "/", "Invalid bucket name")],
)
def test_bad_input_is_refused_when_the_cloud_is_made(name, folder, words):
    with pytest.raises(InvalidArgument, match=words):
        PublicBuckets({name: Path(folder)})


def test_buckets_of_googles_own_names_can_be_served(tmp_path):
    assert "google-cloud-aiplatform" in PublicBuckets({"google-cloud-aiplatform": tmp_path})
