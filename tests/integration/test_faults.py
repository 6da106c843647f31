"""Faults on purpose, as a client on a real connection meets them."""

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest
import pytest_asyncio

from cloud.emulator.faults import Cut, Hang, Hold, Refuse, Rewrite
from cloud.errors import ResourceExhausted, Unavailable
from cloud.serve import LocalCloud
from cloud.settings import LauncherKind, Settings

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def cloud() -> AsyncIterator[LocalCloud]:
    async with LocalCloud(Settings(project="lab-project", launcher=LauncherKind.COLD)) as cloud:
        yield cloud


@pytest_asyncio.fixture(loop_scope="module")
async def http(cloud: LocalCloud) -> AsyncIterator[aiohttp.ClientSession]:
    door = (await cloud.owner_environ())["STORAGE_EMULATOR_HOST"]
    async with aiohttp.ClientSession(door) as session:
        yield session
    assert cloud.faults.clear() == []


async def make(http: aiohttp.ClientSession, bucket: str) -> tuple[int, dict, str | None]:
    async with http.post("/storage/v1/b", params={"project": "lab-project"}, json={"name": bucket}) as reply:
        return reply.status, await reply.json(), reply.headers.get("Retry-After")


async def test_a_refusal_is_googles_and_nothing_is_done(cloud: LocalCloud, http: aiohttp.ClientSession) -> None:
    quota = Refuse(ResourceExhausted("too many buckets a second"), retry_after=2)
    fault = cloud.faults.add("storage.buckets.insert", quota)
    status, body, wait = await make(http, "refused")
    assert (status, body["error"]["errors"][0]["reason"], wait) == (429, "rateLimitExceeded", "2")
    assert fault.fired == 1
    assert not await cloud.backend.bucket_exists("refused")
    assert (await make(http, "refused"))[0] == 200


@pytest.mark.parametrize(("outcome", "done"), [(Cut.BEFORE, False), (Cut.AFTER, True)])
async def test_a_cut_is_before_or_after_what_was_asked(
    outcome: Cut, done: bool, cloud: LocalCloud, http: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture
) -> None:
    name = f"cut-{outcome.value}"
    fault = cloud.faults.add("storage.buckets.insert", outcome)
    with pytest.raises(aiohttp.ClientConnectionError):
        await make(http, name)
    assert fault.fired == 1
    assert await cloud.backend.bucket_exists(name) is done
    assert caplog.records == []


async def test_an_answer_that_never_comes(cloud: LocalCloud, http: aiohttp.ClientSession) -> None:
    fault = cloud.faults.add("storage.buckets.list", Hang.FOREVER)
    with pytest.raises(TimeoutError):
        await http.get("/storage/v1/b?project=lab-project", timeout=aiohttp.ClientTimeout(0.2))
    assert fault.fired == 1


async def test_an_answer_that_is_kept_back(cloud: LocalCloud, http: aiohttp.ClientSession) -> None:
    hold = Hold()
    fault = cloud.faults.add("storage.buckets.insert", hold)
    making = asyncio.create_task(make(http, "held"))
    await asyncio.wrap_future(hold.reached)
    assert fault.fired == 1
    assert await cloud.backend.bucket_exists("held")
    assert not making.done()
    hold.released.set_result(None)
    assert (await making)[0] == 200


async def test_an_answer_can_be_another(cloud: LocalCloud, http: aiohttp.ClientSession) -> None:
    cloud.faults.add("storage.buckets.insert", Rewrite(lambda bucket: bucket | {"location": "MOON"}))
    assert (await make(http, "on-the-moon"))[1]["location"] == "MOON"
    assert (await cloud.backend.get_bucket("on-the-moon")).location == "US"


async def test_a_part_of_a_batch_can_be_another_and_the_rest_is_as_ever(
    cloud: LocalCloud, http: aiohttp.ClientSession
) -> None:
    await make(http, "batched")
    rewrites = [
        cloud.faults.add("storage.buckets.get", Rewrite(lambda bucket: bucket | {"location": "MOON"})),
        cloud.faults.add("storage.buckets.delete", Rewrite(lambda nothing: {"never": nothing})),
    ]
    requests = ("GET /storage/v1/b/batched", "GET /storage/v1/b/batched", "DELETE /storage/v1/b/batched")
    parts = [f"--=b=\r\nContent-Type: application/http\r\n\r\n{request} HTTP/1.1\r\n\r\n" for request in requests]
    headers = {"Content-Type": 'multipart/mixed; boundary="=b="'}
    async with http.post("/batch/storage/v1", data="".join(parts) + "--=b=--\r\n", headers=headers) as reply:
        assert reply.status == 200
        first, second, third = (await reply.text()).split("HTTP/1.1 ")[1:]
    assert [answer[:3] for answer in (first, second, third)] == ["200", "200", "204"]
    assert '"location":"MOON"' in first
    assert f"Content-Length: {first.index('}' + chr(13)) + 1 - first.index('{')}" in first
    assert "MOON" not in second
    assert "never" not in third
    assert [fault.fired for fault in rewrites] == [1, 1]


async def test_both_of_storages_dialects_are_meant(cloud: LocalCloud, http: aiohttp.ClientSession) -> None:
    await make(http, "both")
    fault = cloud.faults.add("storage.objects.get", Refuse(Unavailable("not now")), times=2)
    statuses = []
    for path in ("/storage/v1/b/both/o/o", "/both/o", "/both/o"):
        async with http.get(path) as reply:
            statuses.append(reply.status)
    assert statuses == [503, 503, 404]
    assert fault.fired == 2


async def test_one_who_waits_for_ever_does_not_hold_up_the_end() -> None:
    async with LocalCloud(Settings(project="lab-project", launcher=LauncherKind.COLD)) as cloud:
        fault = cloud.faults.add("storage.buckets.list", Hang.FOREVER)
        door = (await cloud.owner_environ())["STORAGE_EMULATOR_HOST"]
        session = aiohttp.ClientSession(door)
        asking = asyncio.create_task(session.get("/storage/v1/b?project=lab-project"))
        assert (await make(session, "meanwhile"))[0] == 200
    assert fault.fired == 1
    with pytest.raises(aiohttp.ClientConnectionError):
        await asking
    await session.close()
