"""Programs with Google's storage clients: each step runs in a process of its own, by an unmodified client with
environment variables only, and prints its results as JSON."""

import asyncio
import io
import json
import sys
from collections import defaultdict
from pathlib import Path


def refusal(call, *args, **options):
    """The status of the error of ``call``; None if it succeeds."""
    from google.api_core.exceptions import GoogleAPICallError

    try:
        call(*args, **options)
    except GoogleAPICallError as error:
        return error.code
    return None


def google_cloud_storage(bucket, folder):
    from google.cloud import storage

    client, found = storage.Client(), {}
    made = client.bucket(bucket)
    made.storage_class, made.labels = "NEARLINE", {"team": "taxi"}
    made = client.create_bucket(made, location="europe-west1")
    found["bucket"] = [made.location, made.storage_class, made.labels, made.project_number is not None]
    found["again"] = refusal(client.create_bucket, bucket)
    found["buckets"] = bucket in [one.name for one in client.list_buckets(prefix=bucket)]

    big = Path(folder) / "big.bin"
    big.write_bytes(bytes(range(256)) * 6000)
    for name, chunk in (("whole", None), ("chunked", 256 * 1024)):
        blob = made.blob(f"data/{name}.bin", chunk_size=chunk)
        blob.upload_from_filename(big, content_type="application/x-taxi", checksum="crc32c")
        again = made.blob(f"data/{name}.bin", chunk_size=chunk)
        out = io.BytesIO()
        again.download_to_file(out, checksum="md5")
        found[name] = [out.getvalue() == big.read_bytes(), blob.size, made.get_blob(blob.name).content_type]
    found["range"] = list(made.blob("data/whole.bin").download_as_bytes(start=3, end=6))
    with made.blob("written/line by line.txt").open("w") as lines:
        lines.writelines(["ein\n", "zwei ü\n"])
    with made.blob("written/line by line.txt").open() as lines:
        found["lines"] = list(lines)
    made.blob("dir/").upload_from_string(b"")

    def names(**query):
        pages = client.list_blobs(bucket, **query)
        return [blob.name for blob in pages], sorted(pages.prefixes)

    found["listed"] = names()[0]
    found["folders"] = names(delimiter="/")
    found["paged"] = names(page_size=1)[0] == found["listed"]
    found["globbed"] = names(match_glob="data/*.bin")[0]
    found["versions"] = names(versions=True)[0] == found["listed"]

    parts = [made.blob(name) for name in ("part 1", "part 2")]
    for number, part in enumerate(parts):
        part.upload_from_string(str(number))
    joined = made.blob("joined")
    joined.compose(parts, if_generation_match=0)
    found["composed"] = [joined.download_as_text(), joined.component_count, joined.md5_hash]
    copy = made.blob("rewritten")
    token, done, total = copy.rewrite(joined)
    found["rewritten"] = [token, done, total, copy.download_as_text()]
    found["copied"] = made.copy_blob(joined, made, "copied").download_as_text()
    found["renamed"] = made.rename_blob(made.blob("copied"), "renamed").name
    joined.metadata = {"clé": "wert"}
    joined.patch(if_metageneration_match=1)
    joined.reload()
    found["patched"] = [joined.metadata, joined.metageneration]

    generation = joined.generation
    found["preconditions"] = [
        refusal(joined.upload_from_string, b"x", if_generation_match=0),
        refusal(joined.upload_from_file, io.BytesIO(b"x"), if_generation_match=1, size=1),
        refusal(joined.download_as_bytes, if_generation_match=1),
        refusal(joined.reload, if_generation_not_match=generation),
        refusal(joined.patch, if_metageneration_match=7),
        refusal(joined.delete, if_generation_match=1),
        refusal(joined.compose, parts, if_generation_match=1),
        refusal(joined.compose, parts, if_source_generation_match=[1, 1]),
        refusal(copy.rewrite, joined, if_source_generation_match=1),
        refusal(copy.rewrite, joined, if_generation_match=1),
        refusal(made.patch, if_metageneration_match=99),
        refusal(made.delete, if_metageneration_match=99),
    ]
    found["not found"] = [
        refusal(made.blob("nope").download_as_bytes),
        refusal(made.blob("nope").delete),
        refusal(made.blob("nope", generation=1).reload),
        refusal(client.get_bucket, "no-such-bucket-here"),
        made.get_blob("nope"),
    ]
    import requests

    page = "https://pages.example"
    session = made.blob("of a page").create_resumable_upload_session(origin=page)
    found["for a page"] = requests.put(session, data=b"x", headers={"Origin": page}, timeout=60).status_code
    made.blob("of a page").delete()
    found["full"] = refusal(made.delete)

    with client.batch():
        changed = [made.blob(part.name) for part in parts]
        for part in changed:
            part.metadata = {"in": "a batch"}
            part.patch()
    found["batch patched"] = [made.get_blob(part.name).metadata for part in parts]
    found["batch refused"] = refusal(_in_batch, client, [made.blob("part 1").delete, made.blob("nope").delete])
    found["batch deleted"] = [made.blob(part.name).exists() for part in parts]
    made.delete(force=True)
    found["gone"] = refusal(client.get_bucket, bucket)
    return found


def _in_batch(client, calls):
    with client.batch():
        for call in calls:
            call()


def google_cloud_storage_access(bucket, account):
    from google.cloud import storage

    client, found = storage.Client(), {}
    made = client.create_bucket(bucket, predefined_acl="private", predefined_default_object_acl="projectPrivate")
    made.acl.user(account).grant_read()
    made.acl.save()
    made.default_object_acl.user(account).grant_read()
    made.default_object_acl.save()
    blob = made.blob("o")
    blob.upload_from_string(b"x")
    blob.acl.reload()
    found["object"] = blob.acl.user(account).get_roles() == {"READER"}
    blob.make_public()
    found["public"] = [entry["role"] for entry in blob.acl if entry["entity"] == "allUsers"]
    blob.acl.save_predefined("private")
    found["private"] = sorted({entry["role"] for entry in blob.acl})
    policy = made.get_iam_policy(requested_policy_version=3)
    found["legacy"] = {binding["role"]: sorted(binding["members"]) for binding in policy.bindings}
    policy.bindings.append({"role": "roles/storage.objectViewer", "members": {f"serviceAccount:{account}"}})
    made.set_iam_policy(policy)
    found["stale"] = refusal(made.set_iam_policy, policy)
    found["permissions"] = made.test_iam_permissions(["storage.buckets.get", "storage.objects.create"])
    made.iam_configuration.uniform_bucket_level_access_enabled = True
    made.patch()
    made.reload()
    found["uniform"] = [
        made.iam_configuration.uniform_bucket_level_access_enabled,
        made.iam_configuration.uniform_bucket_level_access_locked_time is not None,
        refusal(made.acl.reload),
        refusal(blob.acl.reload),
        refusal(made.blob("p").upload_from_string, b"x", predefined_acl="publicRead"),
    ]
    made.iam_configuration.public_access_prevention = "enforced"
    made.patch()
    policy = made.get_iam_policy()
    policy["roles/storage.objectViewer"].add("allUsers")
    found["prevented"] = refusal(made.set_iam_policy, policy)
    return found


def access_statuses(bucket, old, new, out):
    """The statuses of reading two objects and writing a third, with this process's identity."""
    from google.cloud import storage

    bucket = storage.Client().bucket(bucket)
    return {
        "old": refusal(bucket.blob(old).download_as_bytes),
        "new": refusal(bucket.blob(new).download_as_bytes),
        "out": refusal(bucket.blob(out).upload_from_string, b"out"),
    }


def upload_and_download(bucket, size, chunk):
    """Resumable upload and chunked download of ``size`` bytes, in chunks of ``chunk``."""
    import hashlib

    from google.cloud import storage

    data = bytes(range(256)) * (size // 256)
    blob = storage.Client().bucket(bucket).blob("big", chunk_size=chunk)
    blob.upload_from_file(io.BytesIO(data), size=size)
    same = blob.download_as_bytes() == data
    return {"same": same, "md5": blob.md5_hash is not None, "digest": hashlib.md5(data).hexdigest()}  # noqa: S324


def recover_upload(url, bucket, size):
    """Google's resumable upload, which before each chunk queries the bytes received, as after a lost response."""
    import requests
    from google.cloud import storage
    from google.resumable_media.requests import ResumableUpload

    transport, data, how_far = requests.Session(), bytes(range(256)) * (size // 256), []
    upload = ResumableUpload(f"{url}/upload/storage/v1/b/{bucket}/o?uploadType=resumable", 2**18)
    upload.initiate(transport, io.BytesIO(data), {"name": "again"}, "x/x", total_bytes=size)
    while not upload.finished:
        upload._make_invalid()
        upload.recover(transport)
        how_far.append(upload.bytes_uploaded)
        upload.transmit_next_chunk(transport)
    stored = storage.Client().bucket(bucket).blob("again").download_as_bytes()
    return {"how far": how_far, "finished": upload.finished, "same": stored == data}


def gcsfs(bucket, folder):
    import gcsfs

    files, found = gcsfs.GCSFileSystem(), {}
    files.mkdir(bucket)
    data = bytes(range(256)) * 4096
    files.pipe({f"{bucket}/d/a": b"abc", f"{bucket}/d/e/b": b"b", f"{bucket}/c ü": b"c"})
    with files.open(f"{bucket}/d/big", "wb", block_size=2**18) as file:
        file.write(data)
    with files.open(f"{bucket}/d/big", "rb", block_size=2**16) as file:
        file.seek(300)
        found["sought"] = file.read(3) == data[300:303]
    found["whole"] = files.cat(f"{bucket}/d/big") == data
    found["range"] = files.cat_file(f"{bucket}/d/a", 1, 2).decode()
    found["ls"] = files.ls(f"{bucket}/d")
    found["find"] = files.find(bucket)
    found["glob"] = files.glob(f"{bucket}/**/b*")
    found["du"] = files.du(f"{bucket}/d/e")
    found["info"] = {name: files.info(f"{bucket}/d/a")[name] for name in ("name", "size", "type")}
    files.cp(f"{bucket}/d/a", f"{bucket}/copy")
    files.mv(f"{bucket}/copy", f"{bucket}/moved")
    found["moved"] = [files.exists(f"{bucket}/copy"), files.cat(f"{bucket}/moved").decode()]
    files.put(__file__, f"{bucket}/put/")
    files.get(f"{bucket}/put/{Path(__file__).name}", f"{folder}/got")
    found["got"] = Path(folder, "got").read_bytes() == Path(__file__).read_bytes()
    files.setxattrs(f"{bucket}/d/a", clé="wert")
    files.invalidate_cache()
    found["xattr"] = files.getxattr(f"{bucket}/d/a", "clé")
    files.merge(f"{bucket}/joined", [f"{bucket}/d/a", f"{bucket}/d/e/b"])
    found["joined"] = files.cat(f"{bucket}/joined").decode()
    missing = {}
    for name, call in {"cat": files.cat_file, "ls": files.ls, "info": files.info}.items():
        try:
            call(f"{bucket}/nope")
        except FileNotFoundError as error:
            missing[name] = type(error).__name__
    found["missing"] = missing
    files.rm(f"{bucket}/d", recursive=True)
    found["left"] = files.find(bucket)
    files.rm(bucket, recursive=True)
    files.invalidate_cache()
    found["gone"] = files.exists(bucket)
    return found


def pyarrow(bucket):
    import pyarrow as arrow
    from pyarrow import fs, parquet

    files = fs.GcsFileSystem()
    files.create_dir(bucket)
    with files.open_output_stream(f"{bucket}/d/one", metadata={"Content-Type": "text/x"}) as out:
        out.write(b"one" * 1_000_000)
    with files.open_input_file(f"{bucket}/d/one") as file:
        file.seek(1)
        found = {"range": file.read(3).decode(), "size": file.size()}
    table = arrow.table({"a": list(range(1000))})
    parquet.write_table(table, f"{bucket}/d/t.parquet", filesystem=files)
    found["table"] = parquet.read_table(f"{bucket}/d/t.parquet", filesystem=files).equals(table)
    files.copy_file(f"{bucket}/d/one", f"{bucket}/copy")
    files.move(f"{bucket}/copy", f"{bucket}/moved")
    listed = files.get_file_info(fs.FileSelector(bucket, recursive=True))
    found["files"] = sorted(info.path.partition("/")[2] for info in listed if info.is_file)
    found["none"] = files.get_file_info(f"{bucket}/none").type.name
    files.delete_file(f"{bucket}/moved")
    files.delete_dir_contents(f"{bucket}/d")
    files.delete_dir(bucket)
    return found


def gcloud_aio(bucket):
    return asyncio.run(_gcloud_aio(bucket))


async def _gcloud_aio(bucket):
    import aiohttp
    from gcloud.aio.storage import Storage

    found, statuses = {}, defaultdict(list)
    async with Storage() as storage:

        async def status(call):
            try:
                await call
            except aiohttp.ClientResponseError as error:
                statuses["refused"].append(error.status)

        data = bytes(range(256)) * 4096
        for resumable in (False, True):
            sent = await storage.upload(
                bucket,
                f"aio/{resumable}",
                data,
                force_resumable_upload=resumable,
                metadata={"metadata": {"clé": "wert"}},
            )
            found[f"uploaded {resumable}"] = [sent["size"], sent["metadata"]]
            found[f"downloaded {resumable}"] = await storage.download(bucket, f"aio/{resumable}") == data
        found["listed"] = [
            item["name"] for item in (await storage.list_objects(bucket, params={"prefix": "aio/"}))["items"]
        ]
        stream = await storage.download_stream(bucket, "aio/True", headers={"Range": "bytes=2-4"})
        found["range"] = list(await stream.read())
        await storage.copy(bucket, "aio/True", bucket, new_name="aio/copy")
        await storage.compose(bucket, "aio/joined", ["aio/True", "aio/copy"])
        found["joined"] = (await storage.download_metadata(bucket, "aio/joined"))["size"]
        await storage.patch_metadata(bucket, "aio/copy", {"cacheControl": "no-store"})
        found["patched"] = (await storage.download_metadata(bucket, "aio/copy"))["cacheControl"]
        await status(storage.download(bucket, "nope"))
        await status(storage.upload(bucket, "aio/True", b"x", parameters={"ifGenerationMatch": "0"}))
        for name in found["listed"] + ["aio/copy", "aio/joined"]:
            await storage.delete(bucket, name)
        found["left"] = (await storage.list_objects(bucket, params={"prefix": "aio/"})).get("items", [])
    return found | statuses


def transfer_manager(bucket, folder):
    from google.cloud import storage
    from google.cloud.storage import transfer_manager as transfers

    made, found, path = storage.Client().bucket(bucket), {}, Path(folder) / "content"
    data = bytes(range(256)) * (17 * 2**12 + 3)
    path.write_bytes(data)
    for name, options in (
        ("processes", {}),
        ("md5", {"worker_type": transfers.THREAD, "checksum": "md5"}),
        ("crc32c", {"worker_type": transfers.THREAD, "checksum": "crc32c"}),
    ):
        blob = made.blob(f"in parts/{name}")
        blob.metadata, blob.content_type, blob.storage_class = {"Key": "v"}, "text/x", "NEARLINE"
        transfers.upload_chunks_concurrently(str(path), blob, chunk_size=6 * 2**20, max_workers=2, **options)
        blob = made.get_blob(blob.name)
        found[name] = [blob.download_as_bytes() == data, blob.md5_hash, blob.metadata, blob.content_type]
    back = Path(folder) / "back"
    transfers.download_chunks_concurrently(blob, str(back), chunk_size=4 * 2**20, worker_type=transfers.THREAD)
    found["downloaded"] = back.read_bytes() == data
    try:
        transfers.upload_chunks_concurrently(
            str(path), made.blob("small"), chunk_size=2**20, worker_type=transfers.THREAD
        )
    except Exception as error:  # noqa: BLE001 - the client's own kinds are private
        found["too small"] = str(error.args[1])
    many = [(io.BytesIO(b"x" * number), made.blob(f"many/{number}")) for number in range(20)]
    found["many"] = transfers.upload_many(many, worker_type=transfers.THREAD) == [None] * 20
    found["sizes"] = sum(blob.size for blob in made.list_blobs(prefix="many/"))
    return found


STEPS = {
    step.__name__: step
    for step in (
        google_cloud_storage,
        google_cloud_storage_access,
        access_statuses,
        upload_and_download,
        recover_upload,
        transfer_manager,
        gcsfs,
        pyarrow,
        gcloud_aio,
    )
}

if __name__ == "__main__":
    sys.stdout.write(json.dumps(STEPS[sys.argv[1]](**json.loads(sys.argv[2]))))
