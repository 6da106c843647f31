"""The server is killed in the middle of a request: nothing that the backend made is lost, and nothing else is shown."""

import pytest

from contracts.memory_backend import MemoryBackend
from contracts.vertex_api import PARENT, VertexApi, custom_job, deployment, model


class Killed(BaseException):
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
    with pytest.raises(Killed):
        await api.send("POST", api.root + path, body)
    await api.dialect.close()
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


async def test_what_the_backend_refuses_leaves_nothing(api):
    response = (await api.ask("POST", "/models:upload", model()))["response"]
    await api.ask("POST", "/endpoints?endpointId=mine", {"displayName": "e"})
    api.backend.models.clear()
    await api.refusal("POST", "/endpoints/mine:deployModel", deployment(response["model"]))
    assert len((await api.ask("GET", "/endpoints/mine/operations"))["operations"]) == 1
