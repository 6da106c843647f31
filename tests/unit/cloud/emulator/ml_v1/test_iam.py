import json

import pytest

from cloud.engine.principal import ANONYMOUS, Principal
from emulator_api.ml_requests import training_job, version

SOMEBODY = Principal("somebody@example.com")
MEMBER = f"user:{SOMEBODY.email}"


def policy(role: str, member: str = MEMBER, **given):
    return {"policy": {"bindings": [{"role": role, "members": [member]}]} | given}


async def deploy(api):
    await api.ask("POST", "/models", {"name": "m"})
    await api.ask("POST", "/models/m/versions", version())
    await api.backend.wait_for_version("m", "v1")


async def test_nobody_in_particular_is_401_and_somebody_403(api):
    await deploy(api)
    for verb, path in (("GET", "/jobs"), ("GET", ":getConfig"), ("GET", "/models/m"), ("POST", "/models/m:predict")):
        assert (await api.refusal(verb, path, principal=ANONYMOUS))["status"] == "UNAUTHENTICATED"
        error = await api.refusal(verb, path, {"instances": [1]}, principal=SOMEBODY)
        assert (error["status"], error["message"].partition(" somebody@")[0]) == (
            "PERMISSION_DENIED",
            "Permission denied on resource project my-project.",
        )


async def test_who_may_not_see_a_resource_does_not_learn_whether_it_is_there(api):
    await deploy(api)
    there = await api.refusal("GET", "/models/m", principal=SOMEBODY)
    absent = await api.refusal("GET", "/models/none", principal=SOMEBODY)
    assert there == json.loads(json.dumps(absent).replace("models/none", "models/m"))


async def test_another_project_is_nobodys(api):
    answer = await api.send("GET", "/v1/projects/other-project/jobs")
    assert (answer.status, answer.json["error"]["status"]) == (403, "PERMISSION_DENIED")


async def test_the_projects_number_is_a_name_of_it(api):
    await api.send("POST", "/v1/projects/35462102002/jobs", training_job())
    assert (await api.ask("GET", "/jobs/lab"))["jobId"] == "lab"


async def test_a_policy_lets_somebody_predict_but_no_more(api):
    await deploy(api)
    assert await api.ask("GET", "/models/m:getIamPolicy") == {"etag": "ACAB"}
    written = await api.ask("POST", "/models/m:setIamPolicy", policy("roles/ml.modelUser"))
    assert written["bindings"] == [{"role": "roles/ml.modelUser", "members": [MEMBER]}]
    api.restart()
    assert await api.ask("GET", "/models/m:getIamPolicy") == written
    predicted = await api.ask("POST", "/models/m/versions/v1:predict", {"instances": [1]}, principal=SOMEBODY)
    assert predicted == {"predictions": [{"double": 2.0}]}
    assert (await api.refusal("DELETE", "/models/m", principal=SOMEBODY))["code"] == 403
    wanted = {"permissions": ["ml.models.predict", "ml.models.delete"]}
    held = await api.ask("POST", "/models/m:testIamPermissions", wanted, principal=SOMEBODY)
    assert held == {"permissions": ["ml.models.predict"]}
    assert await api.ask("POST", "/models/m:testIamPermissions", wanted) == wanted


async def test_a_binding_with_a_condition_grants_nothing(api):
    await deploy(api)
    given = policy("roles/ml.modelOwner", version=3)
    given["policy"]["bindings"][0]["condition"] = {"expression": "request.time < timestamp('2020-01-01T00:00:00Z')"}
    await api.ask("POST", "/models/m:setIamPolicy", given)
    assert (await api.refusal("GET", "/models/m", principal=SOMEBODY))["code"] == 403


async def test_a_stale_etag_is_refused(api):
    await api.ask("POST", "/jobs", training_job())
    first = await api.ask("POST", "/jobs/lab:setIamPolicy", policy("roles/ml.jobOwner", etag="ACAB"))
    error = await api.refusal("POST", "/jobs/lab:setIamPolicy", policy("roles/ml.viewer", etag="ACAB"))
    assert error["message"].startswith("There were concurrent policy changes.")
    await api.ask("POST", "/jobs/lab:setIamPolicy", policy("roles/ml.viewer", etag=first["etag"]))


@pytest.mark.parametrize(
    "given", [policy("owner"), policy("roles/ml.viewer", "somebody@example.com"), policy("roles/ml.viewer", "user:")]
)
async def test_what_is_no_policy(api, given):
    await api.ask("POST", "/jobs", training_job())
    assert (await api.refusal("POST", "/jobs/lab:setIamPolicy", given))["code"] == 400
    assert (await api.refusal("POST", "/jobs/none:setIamPolicy", policy("roles/ml.viewer")))["code"] == 404
    assert (await api.refusal("POST", "/jobs/lab:testIamPermissions", {"permissions": ["x.y"]}))["code"] == 400
