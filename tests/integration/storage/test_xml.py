"""The XML API's lists, and its preconditions in headers."""

import xml.etree.ElementTree as ET
from urllib.parse import quote

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="module")

NAMESPACE = "{http://doc.s3.amazonaws.com/2006-03-01}"


async def put(endpoint, bucket, name, data=b"x", **headers):
    return await endpoint.reply("PUT", f"/{bucket}/{quote(name)}", data=data, headers=headers)


async def names(endpoint, bucket, query=""):
    """Keys, prefixes, and the token or marker of the next page."""
    status, body = await endpoint.call("GET", f"/{bucket}?{query}")
    assert status == 200, body
    tree = ET.fromstring(body)  # noqa: S314 - our own
    keys = [entry.findtext(f"{NAMESPACE}Key") for entry in tree.findall(f"{NAMESPACE}Contents")]
    folders = [entry.findtext(f"{NAMESPACE}Prefix") for entry in tree.findall(f"{NAMESPACE}CommonPrefixes")]
    following = tree.findtext(f"{NAMESPACE}NextMarker") or tree.findtext(f"{NAMESPACE}NextContinuationToken")
    assert tree.findtext(f"{NAMESPACE}IsTruncated") == ("true" if following else "false")
    return keys, folders, following


@pytest.mark.parametrize(("version", "after"), [("", "marker"), ("list-type=2&", "continuation-token")])
async def test_pages(endpoint, bucket, version, after):
    wanted = ["a<b>&", "d/1", "d/2", "d0/1", "e", "é"]
    for name in reversed(wanted):
        await put(endpoint, bucket, name)
    assert await names(endpoint, bucket, version) == (wanted, [], None)
    assert await names(endpoint, bucket, version + "prefix=d/") == (["d/1", "d/2"], [], None)
    for query, expected in (
        ("", [(name, None) for name in wanted]),
        ("delimiter=/&", [("a<b>&", None), (None, "d/"), (None, "d0/"), ("e", None), ("é", None)]),
    ):
        found, following = [], ""
        for _ in range(10):
            where = f"{after}={quote(following, safe='')}" if following else ""
            keys, folders, following = await names(endpoint, bucket, f"{version}{query}max-keys=1&{where}")
            found += [(key, None) for key in keys] + [(None, folder) for folder in folders]
            if not following:
                break
        assert found == expected
    assert (await names(endpoint, bucket, version + "encoding-type=url"))[0][0] == "a%3Cb%3E%26"


async def test_the_list_of_buckets(endpoint, bucket):
    """As libcloud and GDAL (``/vsigs/``) ask for it. On 127.0.0.1 this address is the metadata server's."""

    async def call(method, path, **options):
        return await endpoint.call(method, path, headers={"Host": "storage.googleapis.com"}, **options)

    status, body = await call("GET", "/")
    assert status == 200, body
    tree = ET.fromstring(body)  # noqa: S314 - our own
    listed = tree.findall(f"{NAMESPACE}Buckets/{NAMESPACE}Bucket")
    made = {entry.findtext(f"{NAMESPACE}Name"): entry.findtext(f"{NAMESPACE}CreationDate") for entry in listed}
    assert tree.tag == f"{NAMESPACE}ListAllMyBucketsResult"
    assert made[bucket] == (await endpoint.call("GET", f"/storage/v1/b/{bucket}"))[1]["timeCreated"]
    assert bucket.encode() not in (await call("GET", "/?prefix=another"))[1]
    assert (await call("GET", "/", caller="job"))[0] == 403
    for method, path in (("PUT", "/"), ("GET", "/?acl"), ("GET", "/?uploads")):
        status, body = await call(method, path)
        assert (status, b"<Details>METHOD_NOT_EMULATED</Details>" in body) == (403, True)


async def test_names_after_a_marker(endpoint, bucket):
    for name in ("a", "b", "c"):
        await put(endpoint, bucket, name)
    assert (await names(endpoint, bucket, "marker=a"))[0] == ["b", "c"]
    assert (await names(endpoint, bucket, "list-type=2&start-after=a"))[0] == ["b", "c"]


async def test_other_bucket_requests_are_refused(endpoint, bucket):
    for query in ("acl", "lifecycle", "versions="):
        status, body = await endpoint.call("GET", f"/{bucket}?{query}")
        assert (status, b"<Details>METHOD_NOT_EMULATED</Details>" in body) == (403, True)
    assert (await endpoint.call("GET", f"/{bucket}?encoding-type=x"))[0] == 400
    assert (await endpoint.call("GET", f"/{bucket}?max-keys=x"))[0] == 400
    assert (await endpoint.call("GET", f"/{bucket}", caller="job"))[0] == 403
    assert (await endpoint.call("GET", "/no-such-bucket"))[0] == 404


async def test_preconditions_in_headers(endpoint, bucket):
    created = await put(endpoint, bucket, "o", **{"x-goog-if-generation-match": "0"})
    generation = created.headers["X-Goog-Generation"]
    assert (await put(endpoint, bucket, "o", **{"x-goog-if-generation-match": "0"})).status == 412
    for verb in ("GET", "HEAD", "DELETE"):
        reply = await endpoint.reply(verb, f"/{bucket}/o", headers={"x-goog-if-generation-match": "1"})
        assert reply.status == 412
    reply = await endpoint.reply("GET", f"/{bucket}/o", headers={"x-goog-if-generation-not-match": generation})
    assert reply.status == 304
    headers = {"x-goog-if-generation-match": generation, "x-goog-if-metageneration-match": "1"}
    assert (await endpoint.call("GET", f"/{bucket}/o", headers=headers)) == (200, b"x")
    assert (await endpoint.reply("GET", f"/{bucket}/o", headers={"x-goog-if-generation-match": "x"})).status == 400
    assert (await endpoint.reply("DELETE", f"/{bucket}/o", headers=headers)).status == 204
