"""Faults, as a client on a real connection gets them."""

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
    url = (await cloud.owner_environ())["STORAGE_EMULATOR_HOST"]
    async with aiohttp.ClientSession(url) as session:
        yield session
    assert cloud.faults.clear() == []


async def create_bucket(http: aiohttp.ClientSession, bucket: str) -> tuple[int, dict, str | None]:
    async with http.post("/storage/v1/b", params={"project": "lab-project"}, json={"name": bucket}) as response:
        return response.status, await response.json(), response.headers.get("Retry-After")


async def test_a_refusal_has_googles_form_and_nothing_is_done(cloud: LocalCloud, http: aiohttp.ClientSession) -> None:
    quota = Refuse(ResourceExhausted("too many buckets a second"), retry_after=2)
    fault = cloud.faults.add("storage.buckets.insert", quota)
    status, body, wait = await create_bucket(http, "refused")
    assert (status, body["error"]["errors"][0]["reason"], wait) == (429, "rateLimitExceeded", "2")
    assert fault.fired == 1
    assert not await cloud.backend.bucket_exists("refused")
    assert (await create_bucket(http, "refused"))[0] == 200


@pytest.mark.parametrize(("outcome", "done"), [(Cut.BEFORE, False), (Cut.AFTER, True)])
async def test_a_connection_is_cut_before_or_after_the_request_is_handled(
    outcome: Cut, done: bool, cloud: LocalCloud, http: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture
) -> None:
    name = f"cut-{outcome.value}"
    fault = cloud.faults.add("storage.buckets.insert", outcome)
    with pytest.raises(aiohttp.ClientConnectionError):
        await create_bucket(http, name)
    assert fault.fired == 1
    assert await cloud.backend.bucket_exists(name) is done
    assert caplog.records == []


async def test_a_response_that_never_comes(cloud: LocalCloud, http: aiohttp.ClientSession) -> None:
    fault = cloud.faults.add("storage.buckets.list", Hang.FOREVER)
    with pytest.raises(TimeoutError):
        await http.get("/storage/v1/b?project=lab-project", timeout=aiohttp.ClientTimeout(0.2))
    assert fault.fired == 1


async def test_a_response_that_is_held_back(cloud: LocalCloud, http: aiohttp.ClientSession) -> None:
    hold = Hold()
    fault = cloud.faults.add("storage.buckets.insert", hold)
    creating = asyncio.create_task(create_bucket(http, "held"))
    await asyncio.wrap_future(hold.reached)
    assert fault.fired == 1
    assert await cloud.backend.bucket_exists("held")
    assert not creating.done()
    hold.released.set_result(None)
    assert (await creating)[0] == 200


async def test_a_response_can_be_rewritten(cloud: LocalCloud, http: aiohttp.ClientSession) -> None:
    cloud.faults.add("storage.buckets.insert", Rewrite(lambda bucket: bucket | {"location": "MOON"}))
    assert (await create_bucket(http, "on-the-moon"))[1]["location"] == "MOON"
    assert (await cloud.backend.get_bucket("on-the-moon")).location == "US"


async def test_one_part_of_a_batch_can_be_rewritten(cloud: LocalCloud, http: aiohttp.ClientSession) -> None:
    await create_bucket(http, "batched")
    rewrites = [
        cloud.faults.add("storage.buckets.get", Rewrite(lambda bucket: bucket | {"location": "MOON"})),
        cloud.faults.add("storage.buckets.delete", Rewrite(lambda nothing: {"never": nothing})),
    ]
    requests = ("GET /storage/v1/b/batched", "GET /storage/v1/b/batched", "DELETE /storage/v1/b/batched")
    parts = [f"--=b=\r\nContent-Type: application/http\r\n\r\n{request} HTTP/1.1\r\n\r\n" for request in requests]
    headers = {"Content-Type": 'multipart/mixed; boundary="=b="'}
    async with http.post("/batch/storage/v1", data="".join(parts) + "--=b=--\r\n", headers=headers) as response:
        assert response.status == 200
        first, second, third = (await response.text()).split("HTTP/1.1 ")[1:]
    assert [part[:3] for part in (first, second, third)] == ["200", "200", "204"]
    assert '"location":"MOON"' in first
    assert f"Content-Length: {first.index('}' + chr(13)) + 1 - first.index('{')}" in first
    assert "MOON" not in second
    assert "never" not in third
    assert [fault.fired for fault in rewrites] == [1, 1]


async def test_a_fault_applies_to_both_the_json_and_the_xml_api(cloud: LocalCloud, http: aiohttp.ClientSession) -> None:
    await create_bucket(http, "both")
    fault = cloud.faults.add("storage.objects.get", Refuse(Unavailable("not now")), times=2)
    statuses = []
    for path in ("/storage/v1/b/both/o/o", "/both/o", "/both/o"):
        async with http.get(path) as response:
            statuses.append(response.status)
    assert statuses == [503, 503, 404]
    assert fault.fired == 2


async def test_a_pending_request_does_not_delay_the_shutdown() -> None:
    async with LocalCloud(Settings(project="lab-project", launcher=LauncherKind.COLD)) as cloud:
        fault = cloud.faults.add("storage.buckets.list", Hang.FOREVER)
        url = (await cloud.owner_environ())["STORAGE_EMULATOR_HOST"]
        session = aiohttp.ClientSession(url)
        pending = asyncio.create_task(session.get("/storage/v1/b?project=lab-project"))
        assert (await create_bucket(session, "meanwhile"))[0] == 200
    assert fault.fired == 1
    with pytest.raises(aiohttp.ClientConnectionError):
        await pending
    await session.close()
