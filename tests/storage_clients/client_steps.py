"""Programs with storage clients that are not Google's: each step runs in a process of its own, by unmodified clients
with environment variables only, and prints its results as JSON."""

import json
import os
import sys

MB = 2**20


def obstore(bucket):
    """The Rust client object_store, as it is."""
    import obstore
    from obstore.store import GCSStore

    store, found = GCSStore(bucket), {}
    data = os.urandom(12 * MB + 7)
    obstore.put(store, "a/b ü.bin", data, use_multipart=True, chunk_size=5 * MB, max_concurrency=4)
    found["in parts"] = bytes(obstore.get(store, "a/b ü.bin").bytes()) == data
    found["range"] = (
        bytes(obstore.get_range(store, "a/b ü.bin", start=5 * MB - 3, end=5 * MB + 3))
        == (data[5 * MB - 3 : 5 * MB + 3])
    )
    with obstore.open_writer(store, "written", buffer_size=6 * MB, attributes={"Content-Type": "text/x"}) as writer:
        for start in range(0, len(data), MB):
            writer.write(data[start : start + MB])
    written = obstore.get(store, "written")
    found["written"] = [bytes(written.bytes()) == data, written.attributes["Content-Type"]]
    obstore.copy(store, "a/b ü.bin", "copied")
    obstore.rename(store, "copied", "d/renamed")
    found["copied"] = obstore.head(store, "d/renamed")["size"] == len(data)
    found["exists"] = [
        _error(obstore.copy, store, "written", "d/renamed", overwrite=False),
        _error(obstore.put, store, "written", b"", mode="create"),
        _error(obstore.head, store, "copied"),
    ]
    first = obstore.put(store, "state", b"1", mode="create")
    obstore.put(store, "state", b"2", mode=first)
    found["replaced by another"] = _error(obstore.put, store, "state", b"3", mode=first)
    too_small = {"use_multipart": True, "chunk_size": MB}
    found["small parts"] = _error(obstore.put, store, "small", bytes(3 * MB), **too_small)
    listed = obstore.list_with_delimiter(store)
    found["listed"] = [listed["common_prefixes"], sorted(each["path"] for each in listed["objects"])]
    obstore.delete(store, ["written", "state"])
    found["left"] = sorted(each["path"] for each in obstore.list(store).collect())
    return found


def _error(call, *args, **options):
    try:
        call(*args, **options)
    except Exception as error:  # noqa: BLE001 - its name is the result
        return type(error).__name__
    return None


def polars(bucket):
    """200 MB, which it uploads in parts."""
    import numpy as np
    import polars as pl

    rows, where = 12_500_000, f"gs://{bucket}/polars/whole.parquet"
    frame = pl.LazyFrame({"a": np.arange(rows), "b": np.random.default_rng(1).random(rows)})
    frame.sink_parquet(where, compression="uncompressed")
    read = pl.scan_parquet(f"gs://{bucket}/polars/*.parquet").select(pl.len(), pl.col("a").sum()).collect()
    return {"rows": list(read.row(0)) == [rows, rows * (rows - 1) // 2]}


def delta(bucket):
    import numpy as np
    import pyarrow as pa
    from deltalake import DeltaTable, write_deltalake

    where, rows = f"gs://{bucket}/tables/delta", 1_500_000  # 12 MB each: in parts of 5
    for _ in range(3):
        write_deltalake(where, pa.table({"a": np.random.default_rng(1).random(rows)}), mode="append")
    table = DeltaTable(where)
    compacted = table.optimize.compact()
    table.vacuum(retention_hours=0, enforce_retention_duration=False, dry_run=False)
    return {
        "files": [compacted["numFilesRemoved"], compacted["numFilesAdded"], len(DeltaTable(where).file_uris())],
        "rows": DeltaTable(where).count() == 3 * rows,
    }


def lance(bucket):
    import lance
    import numpy as np
    import pyarrow as pa

    where, rows = f"gs://{bucket}/tables/l.lance", 3_000_000
    lance.write_dataset(pa.table({"a": np.random.default_rng(1).random(rows)}), where)
    lance.write_dataset(pa.table({"a": np.zeros(10)}), where, mode="append")
    dataset = lance.dataset(where)
    dataset.optimize.compact_files()
    return {"rows": lance.dataset(where).count_rows() - rows, "fragments": len(lance.dataset(where).get_fragments())}


def duckdb(bucket):
    """With an access token, through the gateway."""
    from importlib.util import find_spec
    from pathlib import Path

    import duckdb
    import google.auth
    from google.auth.transport.requests import Request

    credentials, _ = google.auth.default(scopes=["https://www.googleapis.com/auth/devstorage.read_write"])
    credentials.refresh(Request())
    # Packed by others, but signed by DuckDB, which verifies it.
    (folder,) = find_spec("duckdb_extension_httpfs").submodule_search_locations
    (extension,) = Path(folder).rglob("httpfs.duckdb_extension")
    database = duckdb.connect()
    database.execute(f"LOAD '{extension}'")
    database.execute(f"SET ca_cert_file = '{os.environ['REQUESTS_CA_BUNDLE']}'")
    database.execute(f"SET http_proxy = '{os.environ['HTTPS_PROXY'].removeprefix('http://')}'")
    database.execute(f"CREATE SECRET (TYPE gcs, BEARER_TOKEN '{credentials.token}')")
    rows, where = 8_000_000, f"gs://{bucket}/duck/big ü.parquet"
    table = database.sql(f"FROM range({rows}) t(i)").select("i AS a, random() AS b")
    table.to_parquet(where)
    found = database.read_parquet(f"gs://{bucket}/duck/*.parquet").aggregate("count(*), sum(a)").fetchone()
    return {"rows": list(found) == [rows, rows * (rows - 1) // 2]}


def pyarrow(bucket):
    import pyarrow as pa
    from pyarrow import fs, parquet

    files, block = fs.GcsFileSystem(), os.urandom(MB)
    parquet.write_table(pa.table({"a": range(100_000)}), f"{bucket}/a/t.parquet", filesystem=files)
    files.copy_file(f"{bucket}/a/t.parquet", f"{bucket}/a/u.parquet")
    files.move(f"{bucket}/a/u.parquet", f"{bucket}/a/v.parquet")
    with files.open_output_stream(f"{bucket}/a/big") as stream:
        for _ in range(20):
            stream.write(block)
    return {
        "rows": parquet.read_table(f"{bucket}/a/v.parquet", filesystem=files).num_rows,
        "size": files.get_file_info(f"{bucket}/a/big").size,
        "listed": sorted(each.base_name for each in files.get_file_info(fs.FileSelector(f"{bucket}/a"))),
    }


def rasterio(bucket):
    """GDAL, which signs assertions in the base64 of mail, and has a variable of its own for the CA."""
    import numpy as np
    import rasterio

    where, rows = f"gs://{bucket}/images/a.tif", np.arange(250_000, dtype="float32").reshape(500, 500)
    options = {"driver": "GTiff", "width": 500, "height": 500, "count": 1, "dtype": "float32"}
    with rasterio.Env(CPL_VSIL_USE_TEMP_FILE_FOR_RANDOM_WRITE=True):
        with rasterio.open(where, "w", **options) as image:
            image.write(rows, 1)
        with rasterio.open(where) as image:
            return {"same": bool((image.read(1) == rows).all())}


def boto3(bucket, url, folder):
    """Amazon's client, without a signature: it has no other way to send an access token than the owner's port."""
    import boto3
    from botocore import UNSIGNED
    from botocore.config import Config
    from botocore.exceptions import ClientError

    s3 = boto3.client("s3", endpoint_url=url, region_name="auto", config=Config(signature_version=UNSIGNED))

    def refusal(call, **options):
        try:
            call(Bucket=bucket, **options)
        except ClientError as error:
            return error.response["Error"]["Code"]
        return None

    found, path = {}, f"{folder}/content"
    data = os.urandom(20 * MB)
    with open(path, "wb") as file:
        file.write(data)
    s3.upload_file(path, bucket, "big", ExtraArgs={"Metadata": {"Key": "v"}, "ContentType": "text/x"})
    s3.download_file(bucket, "big", f"{folder}/back")
    with open(f"{folder}/back", "rb") as file:
        found["same"] = file.read() == data
    head = s3.head_object(Bucket=bucket, Key="big")
    found["head"] = [head["Metadata"], head["ContentType"], head["ContentLength"]]
    name = "a b/ü"
    upload = s3.create_multipart_upload(Bucket=bucket, Key=name)["UploadId"]
    parts = [
        {"PartNumber": number, "ETag": s3.upload_part(Body=body, PartNumber=number, **where)["ETag"]}
        for where in ({"Bucket": bucket, "Key": name, "UploadId": upload},)
        for number, body in ((7, b"end"), (2, data[: 5 * MB]))
    ]
    listed = s3.list_parts(Bucket=bucket, Key=name, UploadId=upload)["Parts"]
    found["parts"] = [[part["PartNumber"], part["Size"]] for part in listed]
    found["uploads"] = [each["Key"] for each in s3.list_multipart_uploads(Bucket=bucket)["Uploads"]]
    whole = {"Key": name, "UploadId": upload}
    found["wrong order"] = refusal(s3.complete_multipart_upload, MultipartUpload={"Parts": parts}, **whole)
    s3.complete_multipart_upload(Bucket=bucket, MultipartUpload={"Parts": parts[::-1]}, **whole)
    found["read"] = s3.get_object(Bucket=bucket, Key=name)["Body"].read() == data[: 5 * MB] + b"end"
    s3.copy_object(Bucket=bucket, Key="copied", CopySource={"Bucket": bucket, "Key": name})
    found["copy of a part"] = refusal(
        s3.upload_part_copy, CopySource={"Bucket": bucket, "Key": "big"}, PartNumber=1, Key="x", UploadId=upload
    )
    s3.put_object(Bucket=bucket, Key="once", Body=b"1", IfNoneMatch="*")
    found["again"] = refusal(s3.put_object, Key="once", Body=b"2", IfNoneMatch="*")
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, PaginationConfig={"PageSize": 1})
    found["listed"] = [each["Key"] for page in pages for each in page["Contents"]]
    deleted = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": name}, {"Key": "missing"}]})
    found["deleted"] = [each["Key"] for each in deleted["Deleted"]]
    return found


if __name__ == "__main__":
    sys.stdout.write(json.dumps(globals()[sys.argv[1]](**json.loads(sys.argv[2]))) + "\n")
