"""The server is killed in the middle of a request: nothing that the backend made is lost, and nothing else is shown."""

import asyncio
import contextlib
import errno

import pytest
from aiohttp import ClientConnectionError

from cloud.backends.memory import MemoryBackend
from cloud.emulator.rest import operation_tasks
from cloud.emulator.rest.operations import Operations
from cloud.emulator.rest.records import Records
from cloud.errors import ResourceExhausted, Unavailable
from cloud.lifecycle import JobEvent
from emulator_api.vertex_api import PARENT, VertexApi, custom_job, deployment, ended, model, pipeline


class Killed(asyncio.CancelledError):
    pass


def kill(monkeypatch, backend: MemoryBackend, method: str, *, after: bool) -> None:
    """Have the next call of a method of the backend's be the last of this process."""
    do = getattr(backend, method)

    async def killed(*args, **given):
        monkeypatch.setattr(backend, method, do)
        if after:
            await do(*args, **given)
        raise Killed

    monkeypatch.setattr(backend, method, killed)


async def last_request(api: VertexApi, path: str, body: dict) -> None:
    with pytest.raises(ClientConnectionError):
        await api.send("POST", api.root + path, body)
    await api.emulated.close()
    api.restart()


@pytest.mark.parametrize("after", [True, False])
async def test_a_job_is_there_if_the_backend_has_it(api, monkeypatch, after):
    kill(monkeypatch, api.backend, "submit_job", after=after)
    await last_request(api, "/customJobs", custom_job() | {"labels": {"a": "b"}})
    listed = (await api.ask("GET", "/customJobs")).get("customJobs", [])
    assert [job["labels"] for job in listed] == ([{"a": "b"}] if after else [])


@pytest.mark.parametrize("after", [True, False])
async def test_an_endpoint_is_there_if_the_backend_has_it(api, monkeypatch, after):
    kill(monkeypatch, api.backend, "create_model", after=after)
    await last_request(api, "/endpoints?endpointId=mine", {"displayName": "e"})
    listed = (await api.ask("GET", "/endpoints")).get("endpoints", [])
    assert [endpoint["displayName"] for endpoint in listed] == (["e"] if after else [])
    again = await api.send("POST", f"{api.root}/endpoints?endpointId=mine", {"displayName": "e"})
    assert again.status == (409 if after else 200)


@pytest.mark.parametrize("after", [True, False])
async def test_a_deployment_is_seen_through_or_fails(api, monkeypatch, after):
    response = (await api.ask("POST", "/models:upload", model()))["response"]
    await api.ask("POST", "/endpoints?endpointId=mine", {"displayName": "e"})
    kill(monkeypatch, api.backend, "create_version", after=after)
    await last_request(api, "/endpoints/mine:deployModel", deployment(response["model"]))
    operations = (await api.ask("GET", "/endpoints/mine/operations"))["operations"]
    (operation,) = [one for one in operations if "DeployModel" in one["metadata"]["@type"]]
    done = await api.ask("POST", operation["name"].removeprefix(PARENT) + ":wait?timeout=5s")
    assert ("response" in done) is after
    assert len((await api.ask("GET", "/endpoints/mine")).get("deployedModels", [])) == int(after)
    if not after:
        assert (await api.ask("DELETE", "/endpoints/mine"))["done"] is True


@pytest.mark.parametrize("after", [True, False])
async def test_a_pipeline_is_there_if_the_backend_has_its_job(api, monkeypatch, after):
    kill(monkeypatch, api.backend, "submit_job", after=after)
    await last_request(api, "/trainingPipelines", pipeline())
    for _ in range(2):  # at once, and when what was left is seen to
        listed = (await api.ask("GET", "/trainingPipelines")).get("trainingPipelines", [])
        assert [one["displayName"] for one in listed] == ["tp"] * after
        jobs = (await api.ask("GET", "/customJobs")).get("customJobs", [])
        assert [job["name"] for job in jobs] == [one["trainingTaskMetadata"]["backingCustomJob"] for one in listed]
        await asyncio.sleep(0)
    if after:
        api.backend.move(*api.backend.jobs, JobEvent.SCHEDULED, JobEvent.STARTED, JobEvent.COMPLETED)
        assert "name" in (await ended(api, listed[0]["name"].removeprefix(PARENT)))["modelToUpload"]


async def test_what_a_pipeline_trained_is_uploaded_once(api, monkeypatch):
    asked = await api.ask("POST", "/trainingPipelines", pipeline())
    with monkeypatch.context() as patch:
        reached, change = asyncio.Event(), Records.change

        def killed(records, record, fields):
            if "uploaded" not in fields:
                return change(records, record, fields)
            reached.set()
            raise Killed

        patch.setattr(Records, "change", killed)
        api.backend.move(*api.backend.jobs, JobEvent.SCHEDULED, JobEvent.STARTED, JobEvent.COMPLETED)
        await reached.wait()
        await api.emulated.close()
    api.restart()
    done = await ended(api, asked["name"].removeprefix(PARENT))
    (uploaded,) = (await api.ask("GET", "/models"))["models"]
    assert done["modelToUpload"]["name"] == uploaded["name"]


async def test_a_model_is_uploaded_as_a_whole_or_not_at_all(api, monkeypatch):
    add = Records.add

    def killed(records, name, fields):
        if "@" in name:
            raise Killed
        return add(records, name, fields)

    with monkeypatch.context() as patch:
        patch.setattr(Records, "add", killed)
        await last_request(api, "/models:upload", model())
    assert await api.ask("GET", "/models") == {}


async def test_what_the_backend_refuses_leaves_nothing(api):
    response = (await api.ask("POST", "/models:upload", model()))["response"]
    await api.ask("POST", "/endpoints?endpointId=mine", {"displayName": "e"})
    api.backend.models.clear()
    await api.refusal("POST", "/endpoints/mine:deployModel", deployment(response["model"]))
    assert len((await api.ask("GET", "/endpoints/mine/operations"))["operations"]) == 1


FULL = OSError(errno.ENOSPC, "No space left on device")


def fail_once(monkeypatch, backend: MemoryBackend, method: str, error: Exception) -> None:
    do = getattr(backend, method)

    async def failing(*_, **__):
        monkeypatch.setattr(backend, method, do)
        raise error

    monkeypatch.setattr(backend, method, failing)


@pytest.mark.parametrize("error", [FULL, ResourceExhausted("full"), Unavailable("gone"), ZeroDivisionError()], ids=repr)
async def test_a_deployment_that_the_backend_cannot_begin_ends(api, monkeypatch, error):
    response = (await api.ask("POST", "/models:upload", model()))["response"]
    await api.ask("POST", "/endpoints?endpointId=mine", {"displayName": "e"})
    fail_once(monkeypatch, api.backend, "create_version", error)
    with contextlib.suppress(OSError, ZeroDivisionError):
        await api.refusal("POST", "/endpoints/mine:deployModel", deployment(response["model"]))
    for operation in (await api.ask("GET", "/endpoints/mine/operations"))["operations"]:
        assert (await api.ask("POST", operation["name"].removeprefix(PARENT) + ":wait?timeout=5s"))["done"] is True
    assert (await api.ask("DELETE", "/endpoints/mine"))["done"] is True
    assert (await api.ask("DELETE", response["model"].removeprefix(PARENT)))["done"] is True


@pytest.mark.parametrize("error", [FULL, ResourceExhausted("full"), Unavailable("gone")], ids=repr)
@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("create_model", "/endpoints?endpointId=mine", {"displayName": "e"}),
        ("submit_job", "/customJobs", custom_job()),
        ("submit_job", "/trainingPipelines", pipeline()),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_what_the_backend_cannot_make_is_shown_to_nobody_and_made_by_the_next_request(
    api, monkeypatch, error, method, path, body
):
    fail_once(monkeypatch, api.backend, method, error)
    collection = path.partition("?")[0]
    with contextlib.suppress(OSError):
        await api.refusal("POST", path, body)
    for _ in range(3):  # until what was noted is seen to
        await asyncio.sleep(0)
    assert await api.ask("GET", collection) == {}
    assert await api.ask("GET", "/customJobs") == {}
    await api.ask("POST", path, body)
    assert len((await api.ask("GET", collection))[collection[1:]]) == 1


async def test_a_deployment_whose_end_cannot_be_written_ends_when_there_is_room(api, monkeypatch):
    monkeypatch.setattr(operation_tasks, "_TRY_AGAIN", 0.0)
    response = (await api.ask("POST", "/models:upload", model()))["response"]
    await api.ask("POST", "/endpoints?endpointId=mine", {"displayName": "e"})
    finish, left = Operations.finish, [3]

    def finish_later(*given, **named):
        left[0] -= 1
        if left[0]:
            raise FULL
        return finish(*given, **named)

    operation = await api.ask("POST", "/endpoints/mine:deployModel", deployment(response["model"]))
    monkeypatch.setattr(Operations, "finish", finish_later)
    done = await api.ask("POST", operation["name"].removeprefix(PARENT) + ":wait?timeout=5s")
    assert "response" in done
    assert len((await api.ask("GET", "/endpoints/mine"))["deployedModels"]) == 1
