"""The contract's part on buckets, objects and grants."""

import asyncio
from pathlib import Path

import pytest

from cloud.backends.base import Backend
from cloud.errors import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound
from cloud.names import GsUri
from cloud.resources import Access, TransferProgress
from cloud.testing.contract.base import Contract, names, unique_name


class BucketContract(Contract):
    async def test_a_bucket_has_the_location_it_was_created_in(self, backend: Backend) -> None:
        name = unique_name("bucket").replace("_", "-")
        made = await backend.create_bucket(name, location="europe-west1")
        assert (made.name, made.location) == (name, "EUROPE-WEST1")
        assert await backend.get_bucket(name) == made

    async def test_a_bucket_is_in_the_backends_region_by_default(self, backend: Backend) -> None:
        made = await backend.create_bucket(unique_name("bucket").replace("_", "-"))
        assert made.location == backend.region.upper()

    async def test_a_taken_bucket_name_is_refused(self, backend: Backend, bucket: str) -> None:
        with pytest.raises(AlreadyExists, match=bucket):
            await backend.create_bucket(bucket)

    @pytest.mark.parametrize("name", ["UPPER", "a", "x" * 64, "-dash", "10.1.2.3", "goog-mine", "a/b"])
    async def test_an_invalid_bucket_name_is_refused(self, backend: Backend, name: str) -> None:
        with pytest.raises(InvalidArgument):
            await backend.create_bucket(name)

    async def test_an_unknown_bucket_is_not_found(self, backend: Backend) -> None:
        name = unique_name("unknown").replace("_", "-")
        assert not await backend.bucket_exists(name)
        with pytest.raises(NotFound, match=name):
            await backend.get_bucket(name)
        with pytest.raises(NotFound):
            await backend.delete_bucket(name)
        with pytest.raises(NotFound):
            await backend.list_objects(GsUri(name))
        with pytest.raises(NotFound):
            await backend.write_object(GsUri(name, "x"), b"")

    async def test_a_deleted_bucket_is_gone_and_its_name_free(self, backend: Backend) -> None:
        name = unique_name("bucket").replace("_", "-")
        await backend.create_bucket(name)
        assert name in [bucket.name for bucket in await backend.list_buckets()]
        await backend.delete_bucket(name)
        assert not await backend.bucket_exists(name)
        assert name not in [bucket.name for bucket in await backend.list_buckets()]
        await backend.create_bucket(name)

    async def test_a_bucket_with_objects_is_not_deleted(self, backend: Backend, bucket: str) -> None:
        await backend.write_object(GsUri(bucket, "kept"), b"1")
        with pytest.raises(FailedPrecondition):
            await backend.delete_bucket(bucket)
        assert await backend.read_object(GsUri(bucket, "kept")) == b"1"


class ObjectContract(Contract):
    async def test_an_object_is_read_as_it_was_written(self, backend: Backend, bucket: str) -> None:
        data = bytes(range(256)) * 50
        made = await backend.write_object(GsUri(bucket, "a/b c/ü.bin"), data, content_type="text/csv")
        assert (made.size, made.content_type) == (len(data), "text/csv")
        assert await backend.read_object(made.uri) == data

    async def test_an_empty_object(self, backend: Backend, bucket: str) -> None:
        await backend.write_object(GsUri(bucket, "empty"), b"")
        assert await backend.read_object(GsUri(bucket, "empty")) == b""

    async def test_a_replaced_object_has_a_new_generation(self, backend: Backend, bucket: str) -> None:
        first = await backend.write_object(GsUri(bucket, "x"), b"old")
        second = await backend.write_object(GsUri(bucket, "x"), b"new!")
        assert second.generation > first.generation
        assert await backend.read_object(GsUri(bucket, "x")) == b"new!"
        assert [item.size for item in await backend.list_objects(GsUri(bucket))] == [4]

    async def test_an_unknown_object_is_not_found(self, backend: Backend, bucket: str, tmp_path: Path) -> None:
        with pytest.raises(NotFound, match="nothing"):
            await backend.read_object(GsUri(bucket, "nothing"))
        with pytest.raises(NotFound, match="nothing"):
            await backend.download(GsUri(bucket, "nothing"), tmp_path)

    @pytest.mark.parametrize("name", ["../../escape", "a/../q", "./x", "dir/", "a//b", "/lead", "ünï", "A", "x" * 1024])
    async def test_any_valid_name_is_one_object_of_that_name(self, backend: Backend, bucket: str, name: str) -> None:
        await backend.write_object(GsUri(bucket, name), b"1")
        assert [item.uri.path for item in await backend.list_objects(GsUri(bucket))] == [name]
        assert await backend.read_object(GsUri(bucket, name)) == b"1"

    async def test_an_object_and_a_folder_with_the_same_name(self, backend: Backend, bucket: str) -> None:
        for name in ("a", "a/b", "A", "a.b"):
            await backend.write_object(GsUri(bucket, name), name.encode())
        assert [item.uri.path for item in await backend.list_objects(GsUri(bucket))] == ["A", "a", "a.b", "a/b"]
        assert await backend.read_object(GsUri(bucket, "a")) == b"a"

    async def test_listing_by_folder_prefix_and_wildcard(self, backend: Backend, bucket: str) -> None:
        for name in ("in/train-1.csv", "in/train-2.csv", "in/deep/train-3.csv", "in/valid.csv", "input"):
            await backend.write_object(GsUri(bucket, name), b"")

        async def listed(path: str) -> list[str]:
            return [item.uri.path for item in await backend.list_objects(GsUri(bucket, path))]

        assert await listed("in") == ["in/deep/train-3.csv", "in/train-1.csv", "in/train-2.csv", "in/valid.csv"]
        assert await listed("in/train*") == ["in/train-1.csv", "in/train-2.csv"]
        assert await listed("in/**train*") == ["in/deep/train-3.csv", "in/train-1.csv", "in/train-2.csv"]
        assert await listed("in/valid.csv") == ["in/valid.csv"]
        assert await listed("nothing*") == []

    async def test_deleting_returns_the_number_of_objects(self, backend: Backend, bucket: str) -> None:
        for name in ("out/1", "out/2", "outside"):
            await backend.write_object(GsUri(bucket, name), b"")
        assert await backend.delete_objects(GsUri(bucket, "out")) == 2
        assert await backend.delete_objects(GsUri(bucket, "out")) == 0
        assert names(await backend.list_objects(GsUri(bucket))) == [f"gs://{bucket}/outside"]

    async def test_a_folder_is_uploaded_and_downloaded(self, backend: Backend, bucket: str, tmp_path: Path) -> None:
        source = tmp_path / "source"
        (source / "deep" / "er").mkdir(parents=True)
        contents = {f"file-{number}.txt": f"{number}".encode() * number for number in range(40)}
        contents |= {"deep/x.bin": b"\0" * 300_000, "deep/er/y": b"y"}
        for name, data in contents.items():
            (source / name).write_bytes(data)
        progress: list[TransferProgress] = []
        objects = await backend.upload(source, GsUri(bucket, "up"), on_progress=progress.append)
        assert [item.uri.path for item in objects] == sorted(f"up/{name}" for name in contents)
        assert progress[-1].bytes_done == progress[-1].bytes_total == sum(map(len, contents.values()))
        assert progress[-1].files_done == progress[-1].files_total == len(contents)
        paths = await backend.download(GsUri(bucket, "up"), tmp_path / "down")
        assert len(paths) == len(contents)
        assert {str(path.relative_to(tmp_path / "down")): path.read_bytes() for path in paths} == contents

    async def test_one_file_is_uploaded_to_an_object_or_into_a_folder(
        self, backend: Backend, bucket: str, tmp_path: Path
    ) -> None:
        file = tmp_path / "data.csv"
        file.write_text("1,2\n")
        assert names(await backend.upload(file, GsUri(bucket, "renamed"))) == [f"gs://{bucket}/renamed"]
        assert names(await backend.upload(file, GsUri(bucket, "in/"))) == [f"gs://{bucket}/in/data.csv"]
        assert await backend.download(GsUri(bucket, "renamed"), tmp_path / "back") == [tmp_path / "back"]
        assert (tmp_path / "back").read_text() == "1,2\n"

    async def test_missing_files_and_empty_folders_are_not_uploaded(
        self, backend: Backend, bucket: str, tmp_path: Path
    ) -> None:
        with pytest.raises(NotFound, match="missing"):
            await backend.upload(tmp_path / "missing", GsUri(bucket, "x"))
        (tmp_path / "empty").mkdir()
        with pytest.raises(InvalidArgument, match="empty"):
            await backend.upload(tmp_path / "empty", GsUri(bucket, "x"))

    async def test_a_name_outside_the_folder_is_not_downloaded(
        self, backend: Backend, bucket: str, tmp_path: Path
    ) -> None:
        await backend.write_object(GsUri(bucket, "in/../../escaped"), b"x")
        with pytest.raises(InvalidArgument, match="escaped"):
            await backend.download(GsUri(bucket, "in/**"), tmp_path / "inner" / "down")
        assert not list(tmp_path.rglob("escaped"))

    async def test_many_concurrent_writes_and_reads(self, backend: Backend, bucket: str) -> None:
        async def copy(number: int) -> bytes:
            uri = GsUri(bucket, f"n/{number}")
            await backend.write_object(uri, f"{number}".encode())
            return await backend.read_object(uri)

        async with asyncio.timeout(60):
            assert await asyncio.gather(*map(copy, range(50))) == [f"{number}".encode() for number in range(50)]


class GrantContract(Contract):
    async def test_the_ml_service_account_is_googles(self, backend: Backend) -> None:
        account = await backend.ml_service_account()
        assert account.endswith(".gserviceaccount.com")
        assert account == await backend.ml_service_account()

    async def test_granting_twice_is_not_an_error(self, backend: Backend, bucket: str) -> None:
        account = await backend.ml_service_account()
        for access in (*Access, *Access):
            await backend.grant(bucket, account, access)

    async def test_granting_on_an_unknown_bucket(self, backend: Backend) -> None:
        with pytest.raises(NotFound):
            await backend.grant("no-such-bucket-anywhere", await backend.ml_service_account(), Access.READ)

    async def test_granting_to_an_invalid_address(self, backend: Backend, bucket: str) -> None:
        with pytest.raises(InvalidArgument, match="not-an-address"):
            await backend.grant(bucket, "not-an-address", Access.READ)
