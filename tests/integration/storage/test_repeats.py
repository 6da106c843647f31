"""Changes that a client sends twice, because the first answer was lost."""

import asyncio

import pytest

from cloud.emulator.storage_v1.repeats import TOKEN

pytestmark = pytest.mark.asyncio(loop_scope="module")

UPLOAD = "/upload/storage/v1/b/{}/o?uploadType=media&name={}"


async def twice(endpoint, verb, path, **options):
    headers = {TOKEN: f"{verb} {path}"}
    return [await endpoint.call(verb, path, headers=headers, **options) for _ in range(2)]


async def test_each_change_is_made_once(endpoint, bucket):
    at = f"/storage/v1/b/{bucket}/o"
    first, second = await twice(endpoint, "POST", UPLOAD.format(bucket, "o") + "&ifGenerationMatch=0", data=b"x")
    assert (first[0], second) == (200, first)
    first, second = await twice(endpoint, "PATCH", f"{at}/o", json={"metadata": {"k": "v"}})
    assert (first[1]["metageneration"], second) == ("2", first)
    first, second = await twice(endpoint, "POST", f"{at}/o/rewriteTo/b/{bucket}/o/p", json={})
    assert (first[0], second) == (200, first)
    sources = {"sourceObjects": [{"name": "o"}, {"name": "p"}]}
    first, second = await twice(endpoint, "POST", f"{at}/joined/compose", json=sources)
    assert (first[1]["componentCount"], second) == (2, first)
    first, second = await twice(endpoint, "POST", f"{at}/p/moveTo/o/q")
    assert (first[0], second) == (200, first)
    assert await twice(endpoint, "DELETE", f"{at}/q") == [(204, b"")] * 2
    first, second = await twice(endpoint, "PUT", f"/{bucket}/x", data=b"xml")
    assert (first[0], second) == (200, first)
    assert [item["metageneration"] for item in (await endpoint.call("GET", at))[1]["items"]] == ["1", "2", "1"]
    await endpoint.call("DELETE", f"{at}/o")
    other = {TOKEN: "another"}
    assert (await endpoint.call("DELETE", f"{at}/o", headers=other))[0] == 404


async def test_a_repeat_waits_for_an_upload_that_is_still_received(endpoint, bucket):
    go_on = asyncio.Event()

    async def slow():
        yield b"x"
        await go_on.wait()
        yield b"y"

    path, headers = UPLOAD.format(bucket, "o"), {TOKEN: "slow"}
    first = asyncio.create_task(endpoint.call("POST", path, data=slow(), headers=headers))
    await asyncio.sleep(0.1)
    second = asyncio.create_task(endpoint.call("POST", path, data=b"xy", headers=headers))
    await asyncio.sleep(0.1)
    assert not second.done()
    go_on.set()
    assert (await first)[0] == 200
    assert await second == await first


async def test_where_the_first_upload_breaks_the_repeat_is_made(endpoint, bucket):
    broken = asyncio.Event()

    async def half():
        yield b"x"
        await broken.wait()
        raise ConnectionError

    path, headers = UPLOAD.format(bucket, "o"), {TOKEN: "broken"}
    first = asyncio.create_task(endpoint.call("POST", path, data=half(), headers=headers))
    await asyncio.sleep(0.1)
    second = asyncio.create_task(endpoint.call("POST", path, data=b"xy", headers=headers))
    await asyncio.sleep(0.1)
    broken.set()
    await asyncio.wait([first])
    assert first.exception() is not None
    status, made = await second
    assert (status, made["size"]) == (200, "2")
