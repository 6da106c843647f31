"""What is left when the process is killed between the backend's yes and the record of what only the API knows."""

import asyncio

import pytest
from aiohttp import ClientConnectionError

from cloud.errors import InvalidArgument, Unavailable
from emulator_api.ml_requests import training_job, version

VERBS = {"jobs": "submit_job", "models": "create_model", "versions": "create_version"}
LABELS = {"labels": {"team": "a"}}


class Killed(asyncio.CancelledError):
    """Nothing is done after this, as when the process is gone."""


def request(kind):
    return {
        "jobs": ("/jobs", training_job("j") | LABELS, "/jobs/j"),
        "models": ("/models", {"name": "n"} | LABELS, "/models/n"),
        "versions": ("/models/m/versions", version() | LABELS | {"machineType": "mls1-c4-m2"}, "/models/m/versions/v1"),
    }[kind]


async def killed(api, monkeypatch, kind, *, accepted, by=Killed):
    verb = VERBS[kind]
    accept = getattr(api.backend, verb)

    async def until_then(*given, **named):
        if accepted:
            await accept(*given, **named)
        raise by

    path, body, _ = request(kind)
    with monkeypatch.context() as patch:
        patch.setattr(api.backend, verb, until_then)
        if by is Killed:
            with pytest.raises(ClientConnectionError):
                await api.ask("POST", path, body)
        else:
            assert (await api.refusal("POST", path, body))["code"] == by.http_status


@pytest.mark.parametrize("kind", VERBS)
async def test_what_the_backend_accepted_has_its_settings_after_a_restart(api, monkeypatch, kind):
    await api.ask("POST", "/models", {"name": "m"})
    await killed(api, monkeypatch, kind, accepted=True)
    await api.emulated.close()
    api.restart()
    path, body, resource = request(kind)
    found = await api.ask("GET", resource)
    assert found["labels"] == body["labels"]
    assert found.get("machineType") == body.get("machineType")
    assert (await api.refusal("POST", path, body))["code"] == 409


@pytest.mark.parametrize("kind", VERBS)
async def test_what_it_never_accepted_leaves_nothing(api, monkeypatch, kind):
    await api.ask("POST", "/models", {"name": "m"})
    await killed(api, monkeypatch, kind, accepted=False)
    api.restart()
    path, body, resource = request(kind)
    assert (await api.refusal("GET", resource))["code"] == 404
    del body["labels"]
    await api.ask("POST", path, body)
    api.restart()
    assert "labels" not in await api.ask("GET", resource)


async def test_what_was_accepted_without_an_answer_has_its_settings(api, monkeypatch):
    await killed(api, monkeypatch, "jobs", accepted=True, by=Unavailable("no answer"))
    api.restart()
    assert (await api.ask("GET", "/jobs/j"))["labels"] == LABELS["labels"]


async def test_what_was_refused_leaves_no_settings_for_another_of_that_name(api, monkeypatch):
    await killed(api, monkeypatch, "models", accepted=False, by=InvalidArgument("not like that"))
    await api.backend.create_model("n")
    api.restart()
    assert "labels" not in await api.ask("GET", "/models/n")


async def test_one_made_another_way_meanwhile_keeps_what_it_has(api, monkeypatch):
    await api.ask("POST", "/models", {"name": "n", "labels": {"team": "b"}})
    assert (await api.refusal("POST", "/models", {"name": "n"} | LABELS))["code"] == 409
    api.restart()
    assert (await api.ask("GET", "/models/n"))["labels"] == {"team": "b"}


async def test_without_a_restart_the_next_one_of_the_name_settles_it(api, monkeypatch):
    await killed(api, monkeypatch, "jobs", accepted=True)
    assert (await api.refusal("POST", "/jobs", training_job("j")))["code"] == 409
    assert (await api.ask("GET", "/jobs/j"))["labels"] == LABELS["labels"]


@pytest.mark.parametrize("kind", VERBS)
async def test_of_many_at_the_same_moment_one_wins(api, monkeypatch, kind):
    await api.ask("POST", "/models", {"name": "m"})
    verb = VERBS[kind]
    accept = getattr(api.backend, verb)

    async def slowly(*given, **named):
        await asyncio.sleep(0)
        return await accept(*given, **named)

    monkeypatch.setattr(api.backend, verb, slowly)
    path, body, resource = request(kind)
    path = f"/v1/projects/my-project{path}"
    answers = await asyncio.gather(
        *(api.send("POST", path, body | {"labels": {"number": str(number)}}) for number in range(10))
    )
    assert sorted(answer.status for answer in answers) == [200] + [409] * 9
    winner = next(number for number, answer in enumerate(answers) if answer.status == 200)
    assert (await api.ask("GET", resource))["labels"] == {"number": str(winner)}
