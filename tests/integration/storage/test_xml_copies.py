"""Copies and deletions of many objects by the XML API."""

import base64
import hashlib
import xml.etree.ElementTree as ET
from urllib.parse import quote

import pytest
import pytest_asyncio

pytestmark = pytest.mark.asyncio(loop_scope="module")

SOURCE = {"content-type": "text/x", "x-goog-meta-a": "1", "cache-control": "no-store"}


def parsed(body):
    tree = ET.fromstring(body)  # noqa: S314 - our own
    for element in tree.iter():
        element.tag = element.tag.rpartition("}")[2]
    return tree


@pytest_asyncio.fixture(loop_scope="module")
async def source(endpoint, bucket):
    """The generation of object ``d/ü 1``."""
    _, headers, _ = await endpoint.send("PUT", f"/{bucket}/d%2F%C3%BC%201", data=b"content", headers=SOURCE)
    return headers["X-Goog-Generation"]


async def copy(endpoint, bucket, name, source="d/ü 1", **headers):
    given = {"x-goog-copy-source": f"{bucket}/{quote(source, safe='')}"} | {
        key.replace("_", "-"): value for key, value in headers.items()
    }
    return await endpoint.send("PUT", f"/{bucket}/{name}", headers=given)


async def test_a_copy_keeps_the_attributes_or_replaces_them(endpoint, bucket, source):
    status, headers, body = await copy(endpoint, bucket, "kept", content_type="ignored/x")
    assert (status, parsed(body).tag) == (200, "CopyObjectResult")
    _, read, content = await endpoint.send("GET", f"/{bucket}/kept")
    assert (content, read["Content-Type"], read["X-Goog-Meta-a"]) == (b"content", "text/x", "1")
    assert (read["ETag"], read["X-Goog-Generation"]) == (parsed(body).findtext("ETag"), headers["X-Goog-Generation"])
    status, _, _ = await copy(
        endpoint,
        bucket,
        "replaced",
        x_amz_metadata_directive="REPLACE",
        content_type="text/y",
        x_amz_meta_b="2",
        x_goog_storage_class="NEARLINE",
    )
    _, read, content = await endpoint.send("GET", f"/{bucket}/replaced")
    assert (status, content, read["Content-Type"], read["X-Goog-Meta-b"]) == (200, b"content", "text/y", "2")
    assert "X-Goog-Meta-a" not in read
    assert (await endpoint.call("GET", f"/storage/v1/b/{bucket}/o/replaced"))[1]["storageClass"] == "NEARLINE"
    assert (await copy(endpoint, bucket, "x", x_goog_metadata_directive="MERGE"))[0] == 400


async def test_an_object_is_copied_onto_itself_to_change_it_only(endpoint, bucket, source):
    name = "d%2F%C3%BC%201"
    status, _, body = await copy(endpoint, bucket, name)
    assert (status, parsed(body).findtext("Code")) == (400, "InvalidRequest")
    assert (await copy(endpoint, bucket, name, x_goog_metadata_directive="REPLACE", content_type="a/b"))[0] == 200
    assert (await copy(endpoint, bucket, name, x_goog_storage_class="COLDLINE"))[0] == 200
    _, read, content = await endpoint.send("GET", f"/{bucket}/{name}")
    assert (content, read["Content-Type"]) == (b"content", "a/b")


async def test_conditions_of_a_copy(endpoint, bucket, source):
    tag, other = f'"{hashlib.md5(b"content").hexdigest()}"', '"00"'  # noqa: S324 - an ETag
    before, after = "Fri, 31 Dec 1999 23:59:59 GMT", "Fri, 31 Dec 2099 23:59:59 GMT"
    for condition, met, failed in (
        ("if-generation-match", source, "1"),
        ("if-metageneration-match", "1", "2"),
        ("if-match", tag, other),
        ("if-none-match", other, tag),
        ("if-modified-since", before, after),
        ("if-unmodified-since", after, before),
    ):
        for vendor in ("x_goog", "x_amz"):
            header = f"{vendor}-copy-source-{condition}"
            assert (await copy(endpoint, bucket, "o", **{header: met}))[0] == 200
            status, _, body = await copy(endpoint, bucket, "o", **{header: failed})
            assert (status, parsed(body).findtext("Code")) == (412, "PreconditionFailed")
        assert (await copy(endpoint, bucket, "o", **{header: "?"}))[0] in (400, 412, 200)
    for header in ({"x-goog-if-generation-match": "0"}, {"If-None-Match": "*"}):
        assert (await copy(endpoint, bucket, "o", **header))[0] == 412
        assert (await copy(endpoint, bucket, f"new{len(header)}-{next(iter(header))}", **header))[0] == 200
    assert (await copy(endpoint, bucket, "o", x_goog_copy_source_generation="1"))[0] == 404
    assert (await copy(endpoint, bucket, "o", x_goog_copy_source_generation=source))[0] == 200
    assert (await copy(endpoint, bucket, "o", x_goog_copy_source_generation="x"))[0] == 400
    assert (await copy(endpoint, bucket, "o", source="missing"))[0] == 404
    for place in ("", "/", "bkt", f"{bucket}/", "%ff/o"):
        assert (await copy(endpoint, bucket, "o", x_goog_copy_source=place))[0] == 400
    assert (await copy(endpoint, bucket, "o", x_goog_copy_source=f"/{bucket}/d/%C3%BC%201"))[0] == 200


async def test_a_write_that_depends_on_an_etag_is_refused_rather_than_done(endpoint, bucket):
    assert (await endpoint.send("PUT", f"/{bucket}/o", data=b"1", headers={"If-None-Match": "*"}))[0] == 200
    assert (await endpoint.send("PUT", f"/{bucket}/o", data=b"2", headers={"If-None-Match": "*"}))[0] == 412
    status, _, body = await endpoint.send("PUT", f"/{bucket}/o", data=b"2", headers={"If-Match": '"x"'})
    assert (status, b"If-Match" in body) == (403, True)
    assert await endpoint.call("GET", f"/{bucket}/o") == (200, b"1")


@pytest.mark.parametrize("query", ["acl", "tagging", "retention", "cors=", "partNumber=1"])
async def test_a_subresource_is_not_the_object(endpoint, bucket, query):
    await endpoint.send("PUT", f"/{bucket}/o", data=b"content")
    for verb in ("GET", "PUT", "DELETE"):
        status, _, body = await endpoint.send(verb, f"/{bucket}/o?{query}", data=b"<x/>")
        assert (status, b"METHOD_NOT_EMULATED" in body) == (403, True)
    assert await endpoint.call("GET", f"/{bucket}/o") == (200, b"content")


async def delete(endpoint, bucket, body, **headers):
    status, _, answer = await endpoint.send("POST", f"/{bucket}?delete", data=body, headers=headers)
    return status, parsed(answer)


def named(*keys, quiet="false"):
    objects = "".join(f"<Object><Key>{key}</Key></Object>" for key in keys)
    return f'<Delete xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Quiet>{quiet}</Quiet>{objects}</Delete>'


async def test_many_objects_are_deleted_at_once(endpoint, bucket):
    for name in ("a", "b&amp;c", "d", "kept"):
        await endpoint.send("PUT", f"/{bucket}/{quote(name.replace('&amp;', '&'))}", data=b"x")
    _, kept, _ = await endpoint.send("HEAD", f"/{bucket}/kept")
    status, answer = await delete(endpoint, bucket, named("a", "b&amp;c", "missing"))
    assert (status, answer.tag) == (200, "DeleteResult")
    assert [each.findtext("Key") for each in answer.findall("Deleted")] == ["a", "b&c", "missing"]
    assert [each.tag for each in (await delete(endpoint, bucket, named("d", quiet="true")))[1]] == []
    for version in ("1", "x"):
        body = f"<Delete><Object><Key>kept</Key><VersionId>{version}</VersionId></Object></Delete>"
        assert (await delete(endpoint, bucket, body))[0] == 200
    assert (await endpoint.call("GET", f"/{bucket}/kept"))[0] == 200
    version = kept["X-Goog-Generation"]
    body = f"<Delete><Object><Key>kept</Key><VersionId>{version}</VersionId></Object></Delete>"
    _, answer = await delete(endpoint, bucket, body)
    assert answer.findtext("Deleted/VersionId") == version
    assert (await endpoint.call("GET", f"/storage/v1/b/{bucket}/o"))[1] == {"kind": "storage#objects"}


async def test_deletions_that_are_refused(endpoint, bucket):
    await endpoint.send("PUT", f"/{bucket}/a", data=b"x")
    md5 = base64.b64encode(hashlib.md5(b"other").digest()).decode()  # noqa: S324 - as HTTP has it
    for body, headers, code in (
        ("<Delete/>", {}, "MalformedXML"),
        ("<Delete><Object><Key>a</Key>", {}, "MalformedXML"),
        ("<Deleted/>", {}, "MalformedXML"),
        (b"\xff", {}, "MalformedXML"),
        ("", {}, "MalformedXML"),
        (f'<!DOCTYPE Delete [<!ENTITY a "a">]>{named("&a;")}', {}, "MalformedXML"),
        (named(*["a"] * 1001), {}, "MalformedXML"),
        (named("a"), {"Content-MD5": md5}, "BadDigest"),
        (named("a"), {"x-amz-checksum-crc32": "AAAAAA=="}, "BadDigest"),
    ):
        status, answer = await delete(endpoint, bucket, body, **headers)
        assert (status, answer.findtext("Code"), bool(answer.findtext("Details"))) == (400, code, True)
    status, _, answer = await endpoint.send("POST", f"/{bucket}?delete", data=named("a"), caller="job")
    assert (status, parsed(answer).findtext("Error/Code")) == (200, "AccessDenied")
    assert (await delete(endpoint, "no-such-bucket", named("a")))[0] == 404
    assert (await endpoint.call("GET", f"/{bucket}/a"))[0] == 200


async def test_names_of_amazon_s3(endpoint, bucket):
    """Its clients read metadata and versions by names of their own, and decode names where ``EncodingType`` says so."""
    headers = {"x-amz-meta-A": "1", "x-amz-storage-class": "NEARLINE", "x-amz-acl": "private"}
    await endpoint.send("PUT", f"/{bucket}/a%20b", data=b"x", headers=headers)
    _, read, _ = await endpoint.send("HEAD", f"/{bucket}/a%20b", headers={"amz-sdk-invocation-id": "1"})
    assert (read["X-Amz-Meta-a"], read["X-Amz-Version-Id"]) == ("1", read["X-Goog-Generation"])
    assert read["X-Goog-Meta-a"] == "1"
    version = read["X-Amz-Version-Id"]
    assert await endpoint.call("GET", f"/{bucket}/a%20b?versionId={version}") == (200, b"x")
    for method in ("GET", "DELETE"):
        assert (await endpoint.send(method, f"/{bucket}/a%20b?versionId=1"))[0] == 404
        assert (await endpoint.send(method, f"/{bucket}/a%20b?versionId=null"))[0] == 400
    _, body = await endpoint.call("GET", f"/{bucket}?list-type=2&encoding-type=url")
    assert (parsed(body).findtext("EncodingType"), parsed(body).findtext("Contents/Key")) == ("url", "a%20b")
    _, body = await endpoint.call("GET", f"/{bucket}?list-type=2")
    assert (parsed(body).findtext("EncodingType"), parsed(body).findtext("Contents/Key")) == (None, "a b")


async def test_a_version_is_restored_by_a_copy_onto_itself(endpoint, bucket):
    assert (await endpoint.call("PATCH", f"/storage/v1/b/{bucket}", json={"versioning": {"enabled": True}}))[0] == 200
    _, old, _ = await endpoint.send("PUT", f"/{bucket}/o", data=b"old")
    version = old["X-Goog-Generation"]
    await endpoint.send("PUT", f"/{bucket}/o", data=b"new")
    await endpoint.send("DELETE", f"/{bucket}/o")
    assert (await copy(endpoint, bucket, "o", source="o"))[0] == 404
    assert (await copy(endpoint, bucket, "o", source="o", x_goog_copy_source_generation=version))[0] == 200
    assert await endpoint.call("GET", f"/{bucket}/o") == (200, b"old")
    assert (await copy(endpoint, bucket, "p", x_goog_copy_source=f"{bucket}/o?versionId={version}"))[0] == 200
    body = f"<Delete><Object><Key>o</Key><VersionId>{version}</VersionId></Object></Delete>"
    assert (await delete(endpoint, bucket, body))[0] == 200
    assert (await endpoint.call("GET", f"/{bucket}/o?generation={version}"))[0] == 404
    assert await endpoint.call("GET", f"/{bucket}/o") == (200, b"old")
