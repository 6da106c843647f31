"""Deviations of fake-gcs-server from Google. A test that fails here is good news: upstream fixed the deviation.

Then see whether the emulator's workaround (test_objects.py, test_resumable.py) can go.
"""

import asyncio
import json

import aiohttp
import pytest
import pytest_asyncio
from yarl import URL

from cloud.engine.storage.server import FakeGcsServer

pytestmark = pytest.mark.asyncio(loop_scope="module")

UPLOAD = "/upload/storage/v1/b/raw-bkt/o?uploadType={}&name={}"


class Raw:
    def __init__(self, server: FakeGcsServer, session: aiohttp.ClientSession) -> None:
        self.server = server
        self.session = session

    async def call(self, verb, path, **options):
        url = URL(self.server.url + path, encoded=True)
        async with self.session.request(verb, url, allow_redirects=False, **options) as reply:
            body = await reply.read()
            try:
                return reply.status, json.loads(body)
            except ValueError:
                return reply.status, body

    async def put(self, name, data=b"x", query=""):
        return await self.call("POST", UPLOAD.format("media", name) + query, data=data)

    async def names(self, query=""):
        _, answer = await self.call("GET", f"/storage/v1/b/raw-bkt/o?{query}")
        return [item["name"] for item in answer.get("items") or []]


@pytest_asyncio.fixture(loop_scope="module")
async def raw(tmp_path):
    server = FakeGcsServer(tmp_path / "outer" / "root")
    await server.start()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(socket_factory=server.open_socket)) as session:
        raw = Raw(server, session)
        assert (await raw.call("POST", "/storage/v1/b", json={"name": "raw-bkt"}))[0] == 200
        yield raw
    await server.close()


async def test_names_escape_the_root(raw, tmp_path):
    assert (await raw.put("..%2F..%2Fescaped"))[0] == 200
    assert (tmp_path / "outer" / "escaped").read_bytes() == b"x"


async def test_an_object_and_a_folder_of_the_same_name_exclude_each_other(raw):
    assert (await raw.put("a"))[0] == 200
    assert (await raw.put("a%2Fb"))[0] == 500


async def test_placeholders_vanish(raw):
    await raw.put("dir%2F", b"")
    assert "dir/" not in await raw.names()


async def test_names_are_resolved_as_paths(raw):
    await raw.put("a%2F..%2Fq")
    assert await raw.names() == ["q"]


async def test_long_names_are_refused(raw):
    assert (await raw.put("x" * 300))[0] == 400


async def test_a_status_query_ends_an_upload(raw):
    async with raw.session.post(raw.server.url + UPLOAD.format("resumable", "r"), json={}) as reply:
        location = reply.headers["Location"].removeprefix(raw.server.url)
    assert (await raw.call("PUT", location, data=b"abc", headers={"Content-Range": "bytes 0-2/6"}))[0] == 308
    assert (await raw.call("PUT", location, headers={"Content-Range": "bytes */6"}))[0] == 200
    assert (await raw.call("GET", "/storage/v1/b/raw-bkt/o/r"))[1]["size"] == "3"
    assert (await raw.call("PUT", location, data=b"def", headers={"Content-Range": "bytes 3-5/6"}))[0] == 404


async def test_preconditions_are_ignored(raw):
    await raw.put("o")
    assert (await raw.put("o", query="&ifGenerationMatch=0"))[0] == 200
    assert (await raw.call("GET", "/storage/v1/b/raw-bkt/o/o?ifGenerationMatch=1"))[0] != 412
    assert (await raw.call("DELETE", "/storage/v1/b/raw-bkt/o/o?ifGenerationMatch=1"))[0] == 200


async def test_a_patch_makes_a_new_generation(raw):
    _, first = await raw.put("o")
    _, patched = await raw.call("PATCH", "/storage/v1/b/raw-bkt/o/o", json={"metadata": {"k": "v"}})
    assert patched["generation"] != first["generation"]


async def test_fields_are_ignored(raw):
    await raw.put("o")
    _, answer = await raw.call("GET", "/storage/v1/b/raw-bkt/o?fields=items/name")
    assert len(answer["items"][0]) > 1


async def test_globs_are_ignored(raw):
    await raw.put("o")
    assert await raw.names("matchGlob=x*") == ["o"]


async def test_buckets_have_the_servers_location_and_no_project(raw):
    _, created = await raw.call("POST", "/storage/v1/b", json={"name": "raw-two", "location": "EUROPE-WEST1"})
    assert (created["location"], created["projectNumber"]) == ("US-CENTRAL1", "0")


async def test_lists_of_access_and_accounts_are_missing(raw):
    for path in ("b/raw-bkt/acl", "b/raw-bkt/defaultObjectAcl", "b/raw-bkt/iam", "projects/p/serviceAccount"):
        assert (await raw.call("GET", f"/storage/v1/{path}"))[0] == 404


async def test_requests_are_not_authenticated(raw):
    await raw.put("o")
    assert (await raw.call("GET", "/storage/v1/b/raw-bkt/o/o"))[0] == 200
    assert (await raw.call("DELETE", "/storage/v1/b/raw-bkt/o/o"))[0] == 200


async def test_a_slow_upload_blocks_all_requests(raw):
    await raw.put("o")
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow():
        yield b"a" * 100
        begun.set()
        await go_on.wait()
        yield b"b"

    upload = asyncio.create_task(raw.put("slow", slow()))
    await begun.wait()
    # The lock is taken when the server has read the upload's headers, within some milliseconds.
    blocked = False
    for _ in range(1000):
        try:
            await asyncio.wait_for(raw.call("GET", "/storage/v1/b/raw-bkt/o/o"), 1)
        except TimeoutError:
            blocked = True
            break
    assert blocked
    go_on.set()
    assert (await upload)[0] == 200


async def test_an_upload_is_completely_in_memory(raw):
    def peak():
        with open(f"/proc/{raw.server.pid}/status") as status:
            return next(int(line.split()[1]) << 10 for line in status if line.startswith("VmHWM"))

    before, size = peak(), 32 << 20

    async def data():
        for _ in range(32):
            yield bytes(1 << 20)

    await raw.put("big", data())
    assert peak() - before > 1.5 * size
