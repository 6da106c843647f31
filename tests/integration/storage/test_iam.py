"""Policies, uniform access and the modes of enforcement at the front door."""

from urllib.parse import quote

import pytest

from cloud.engine.storage.guard import PolicyViolation
from cloud.settings import IamMode

pytestmark = pytest.mark.asyncio(loop_scope="module")

JOB = "service-7@cloud-ml.google.com.iam.gserviceaccount.com"
READ_MORE = ". Read more at https://cloud.google.com/storage/docs/uniform-bucket-level-access"


async def put(door, bucket, name, who="owner", query=""):
    path = f"/upload/storage/v1/b/{bucket}/o?uploadType=media&name={quote(name, safe='')}{query}"
    return await door.call("POST", path, data=b"x", who=who)


def granted(policy):
    return {
        (binding["role"].removeprefix("roles/storage."), one)
        for binding in policy["bindings"]
        for one in binding["members"]
    }


async def test_a_policy_and_a_list_are_two_views(door, bucket):
    iam, acl = f"/storage/v1/b/{bucket}/iam", f"/storage/v1/b/{bucket}/acl"
    _, policy = await door.call("GET", iam)
    assert policy.keys() == {"kind", "resourceId", "version", "etag", "bindings"}
    assert (policy["kind"], policy["resourceId"]) == ("storage#policy", f"projects/_/buckets/{bucket}")
    team = {
        ("legacyBucketOwner", "projectOwner:my-project"),
        ("legacyBucketOwner", "projectEditor:my-project"),
        ("legacyBucketReader", "projectViewer:my-project"),
    }
    assert granted(policy) == team
    assert (await door.call("POST", acl, json={"entity": f"user-{JOB}", "role": "WRITER"}))[0] == 200
    _, policy = await door.call("GET", iam)
    assert granted(policy) == team | {("legacyBucketWriter", f"serviceAccount:{JOB}")}
    policy["bindings"] = [
        {"role": "roles/storage.legacyBucketReader", "members": [f"serviceAccount:{JOB}"]},
        {"role": "roles/storage.objectViewer", "members": ["user:a@b.org"]},
        {"role": "roles/storage.objectViewer", "members": [f"serviceAccount:{JOB}"]},
    ]
    status, changed = await door.call("PUT", iam, json=policy)
    assert status == 200
    assert changed["etag"] != policy["etag"]
    assert granted(changed) == {
        ("legacyBucketReader", f"serviceAccount:{JOB}"),
        ("objectViewer", "user:a@b.org"),
        ("objectViewer", f"serviceAccount:{JOB}"),
    }
    _, listed = await door.call("GET", acl)
    assert [(item["entity"], item["role"]) for item in listed["items"]] == [(f"user-{JOB}", "READER")]
    await put(door, bucket, "o")
    assert await door.call("GET", f"/{bucket}/o", who="job") == (200, b"x")


async def test_an_objects_policy_is_its_list(door, bucket):
    await put(door, bucket, "a/ü")
    o = f"/storage/v1/b/{bucket}/o/a%2F%C3%BC"
    _, policy = await door.call("GET", f"{o}/iam")
    assert policy["resourceId"] == f"projects/_/buckets/{bucket}/objects/a/ü"
    assert ("legacyObjectReader", "projectViewer:my-project") in granted(policy)
    policy["bindings"] = [{"role": "roles/storage.legacyObjectReader", "members": [f"serviceAccount:{JOB}"]}]
    assert (await door.call("GET", f"/{bucket}/a/%C3%BC", who="job"))[0] == 403
    assert (await door.call("PUT", f"{o}/iam", json=policy))[0] == 200
    assert (await door.call("PUT", f"{o}/iam", json=policy))[0] == 412
    assert (await door.call("GET", f"/{bucket}/a/%C3%BC", who="job"))[0] == 200
    _, found = await door.call("GET", f"{o}/acl")
    assert [(item["entity"], item["role"]) for item in found["items"]] == [(f"user-{JOB}", "READER")]
    assert (await door.call("GET", f"{o}/acl?generation=1"))[0] == 404


async def test_a_stale_etag_changes_nothing(door, bucket):
    iam = f"/storage/v1/b/{bucket}/iam"
    _, first = await door.call("GET", iam)
    _, second = await door.call("PUT", iam, json=first)
    for etag in (first["etag"], "CAE=", "%%", "MS8x"):
        status, answer = await door.call("PUT", iam, json={**first, "etag": etag, "bindings": []})
        assert (status, answer["error"]["errors"][0]["reason"]) == (412, "conditionNotMet")
    assert await door.call("GET", iam) == (200, second)
    del first["etag"]
    assert (await door.call("PUT", iam, json=first))[0] == 200


@pytest.mark.parametrize(
    "policy",
    [
        {},
        {"bindings": {}},
        {"bindings": ["x"]},
        {"bindings": [{"role": "roles/storage.admin"}]},
        {"bindings": [{"role": "roles/storage.admin", "members": [1]}]},
        {"bindings": [{"role": "roles/storage.admin", "members": ["me"]}]},
        {"bindings": [{"role": "roles/viewer", "members": ["allUsers"]}]},
        {"bindings": [{"role": "roles/storage.admin", "members": ["allUsers"], "condition": {"expression": "1"}}]},
    ],
)
async def test_bad_policies_are_refused(door, bucket, policy):
    assert (await door.call("PUT", f"/storage/v1/b/{bucket}/iam", json=policy))[0] == 400
    assert (await door.call("GET", f"/storage/v1/b/{bucket}/iam"))[1]["etag"] == "MQ=="


async def test_what_one_may_do_can_be_asked(door, bucket):
    asked = ("storage.buckets.get", "storage.objects.get", "storage.objects.create", "storage.multipartUploads.create")
    query = "&".join(f"permissions={one}" for one in asked)
    where = f"/storage/v1/b/{bucket}/iam/testPermissions?{query}"
    kind = "storage#testIamPermissionsResponse"
    assert await door.call("GET", where) == (200, {"kind": kind, "permissions": list(asked)})
    assert await door.call("GET", where, who="job") == (200, {"kind": kind})
    assert await door.call("GET", where, who="") == (200, {"kind": kind})
    await door.call("POST", f"/storage/v1/b/{bucket}/acl", json={"entity": f"user-{JOB}", "role": "WRITER"})
    assert (await door.call("GET", where, who="job"))[1]["permissions"] == [asked[0], asked[2]]
    await put(door, bucket, "o", who="job")
    of_object = f"/storage/v1/b/{bucket}/o/o/iam/testPermissions?{query}"
    assert (await door.call("GET", of_object, who="job"))[1]["permissions"] == list(asked[:3])
    assert (await door.call("GET", f"/storage/v1/b/{bucket}/iam/testPermissions?permissions=ml.jobs.get"))[0] == 400
    assert (await door.call("GET", f"/storage/v1/b/nope-nope/iam/testPermissions?{query}"))[0] == 404


def uniform(enabled):
    return {"iamConfiguration": {"uniformBucketLevelAccess": {"enabled": enabled}}}


async def test_uniform_access_switches_lists_off_and_on_again(door, bucket):
    b, item = f"/storage/v1/b/{bucket}", f"/storage/v1/b/{bucket}/o/o"
    await put(door, bucket, "o")
    grant = {"entity": f"user-{JOB}", "role": "READER"}
    await door.call("POST", f"{item}/acl", json=grant)
    assert (await door.call("GET", f"/{bucket}/o", who="job"))[0] == 200
    status, made = await door.call("PATCH", b, json=uniform(True))
    assert status == 200
    assert made["iamConfiguration"]["uniformBucketLevelAccess"]["enabled"] is True
    assert made["iamConfiguration"]["uniformBucketLevelAccess"]["lockedTime"] > made["updated"]
    assert (await door.call("GET", f"/{bucket}/o", who="job"))[0] == 403
    of_object, of_bucket = (
        "for an object when uniform bucket-level access is enabled",
        "a bucket that has uniform bucket-level access",
    )
    change = "Cannot use ACL API to update bucket policy when uniform bucket-level access is enabled"
    copy = f"{item}/rewriteTo/b/{bucket}/o/p?destinationPredefinedAcl=private"
    media = f"/upload/storage/v1/b/{bucket}/o?uploadType=media&name=p&predefinedAcl=private"
    refused = {
        ("GET", f"{b}/acl"): f"Cannot get legacy ACL for {of_bucket}",
        ("GET", f"{b}/defaultObjectAcl"): f"Cannot get legacy ACL for {of_bucket}",
        ("GET", f"{item}/acl"): f"Cannot get legacy ACL {of_object}",
        ("POST", f"{b}/acl"): change,
        ("POST", f"{b}/defaultObjectAcl"): change,
        ("DELETE", f"{b}/acl/project-owners-7"): change,
        ("PATCH", f"{b}?predefinedAcl=private"): change,
        ("PATCH", f"{b}?predefinedDefaultObjectAcl=private"): change,
        ("POST", f"{item}/acl"): f"Cannot update access control {of_object}",
        ("PATCH", f"{item}?predefinedAcl=publicRead"): f"Cannot update access control {of_object}",
        ("POST", copy): f"Cannot insert legacy ACL {of_object}",
        ("POST", media): f"Cannot insert legacy ACL {of_object}",
    }
    for (verb, path), message in refused.items():
        status, answer = await door.call(verb, path, json=grant if path.endswith(("acl", "Acl")) else {})
        assert (status, answer["error"]["message"]) == (400, message + READ_MORE), (verb, path)
    for path in (b, item):
        _, found = await door.call("GET", f"{path}?projection=full")
        assert not {"acl", "defaultObjectAcl", "owner"} & found.keys()
    assert (await put(door, bucket, "new"))[0] == 200
    policy = {"bindings": [{"role": "roles/storage.objectViewer", "members": [f"serviceAccount:{JOB}"]}]}
    assert (await door.call("PUT", f"{b}/iam", json=policy))[0] == 200
    assert (await door.call("GET", f"/{bucket}/new", who="job"))[0] == 200
    assert (await door.call("PUT", f"{b}/iam", json={"bindings": [], "version": 1}))[0] == 200
    status, made = await door.call("PATCH", b, json={"iamConfiguration": {"bucketPolicyOnly": {"enabled": False}}})
    assert (status, made["iamConfiguration"]["uniformBucketLevelAccess"]) == (200, {"enabled": False})
    # The lists are as they were.
    assert (await door.call("GET", f"/{bucket}/o", who="job"))[0] == 200


async def test_a_bucket_made_with_uniform_access_gives_its_project_the_objects(door):
    assert (await door.call("POST", "/storage/v1/b", json={"name": "uniform-1", **uniform(True)}))[0] == 200
    assert {
        ("legacyObjectOwner", "projectOwner:my-project"),
        ("legacyObjectOwner", "projectEditor:my-project"),
        ("legacyObjectReader", "projectViewer:my-project"),
    } < granted((await door.call("GET", "/storage/v1/b/uniform-1/iam"))[1])
    made = "/storage/v1/b?predefinedAcl=private"
    assert (await door.call("POST", made, json={"name": "uniform-2", **uniform(True)}))[0] == 400
    assert (await door.call("GET", "/storage/v1/b/uniform-2"))[0] == 404
    for wrong in (1, {"uniformBucketLevelAccess": 1}, {"publicAccessPrevention": "x"}):
        assert (await door.call("POST", "/storage/v1/b", json={"name": "uniform-3", "iamConfiguration": wrong}))[
            0
        ] == 400


async def test_public_access_prevention(door, bucket):
    b = f"/storage/v1/b/{bucket}"
    await put(door, bucket, "o", query="&predefinedAcl=publicRead")
    assert (await door.call("GET", f"/{bucket}/o", who=""))[0] == 200
    status, made = await door.call("PATCH", b, json={"iamConfiguration": {"publicAccessPrevention": "enforced"}})
    assert (status, made["iamConfiguration"]["publicAccessPrevention"]) == (200, "enforced")
    assert (await door.call("GET", f"/{bucket}/o", who=""))[0] == 401
    public = {"bindings": [{"role": "roles/storage.objectViewer", "members": ["allUsers"]}]}
    assert (await door.call("PUT", f"{b}/iam", json=public))[0] == 412
    assert (await door.call("POST", f"{b}/acl", json={"entity": "allUsers", "role": "READER"}))[0] == 412
    assert (await put(door, bucket, "p", query="&predefinedAcl=publicRead"))[0] == 412


async def test_only_who_may_set_policies_changes_how_access_is_decided(door, bucket):
    await door.call("POST", f"/storage/v1/b/{bucket}/acl", json={"entity": f"user-{JOB}", "role": "WRITER"})
    for change in (uniform(True), {"iamConfiguration": {"publicAccessPrevention": "enforced"}}):
        assert (await door.call("PATCH", f"/storage/v1/b/{bucket}", json=change, who="job"))[0] == 403
    await door.call("POST", f"/storage/v1/b/{bucket}/acl", json={"entity": f"user-{JOB}", "role": "OWNER"})
    assert (await door.call("PATCH", f"/storage/v1/b/{bucket}", json=uniform(True), who="job"))[0] == 200


async def test_policies_survive_a_restart(front_door, tmp_path):
    async with front_door(tmp_path) as door:
        await door.call("POST", "/storage/v1/b", json={"name": "kept", **uniform(True)})
        policy = {"bindings": [{"role": "roles/storage.objectCreator", "members": ["allUsers"]}]}
        _, policy = await door.call("PUT", "/storage/v1/b/kept/iam", json=policy)
        _, bucket = await door.call("GET", "/storage/v1/b/kept?projection=full")
    async with front_door(tmp_path) as door:
        assert await door.call("GET", "/storage/v1/b/kept/iam") == (200, policy)
        _, again = await door.call("GET", "/storage/v1/b/kept?projection=full")
        assert again["iamConfiguration"] == bucket["iamConfiguration"]
        assert (await put(door, "kept", "o", who=""))[0] == 200


@pytest.mark.parametrize("mode", [IamMode.SOFT, IamMode.OFF])
async def test_modes_that_let_everything_pass(front_door, tmp_path, mode):
    told = []
    async with front_door(tmp_path, iam=mode, on_violation=told.append) as door:
        await door.call("POST", "/storage/v1/b", json={"name": "open-1"})
        await put(door, "open-1", "o")
        assert await door.call("GET", "/open-1/o", who="job") == (200, b"x")
        assert await door.call("GET", "/open-1/o", who="job") == (200, b"x")
        assert (await put(door, "open-1", "p", who=""))[0] == 200
        assert (await door.call("GET", "/storage/v1/b/open-1/o/nope", who="job"))[0] == 404
        assert (await door.call("GET", "/storage/v1/b", who="job"))[0] == 200
        # Who someone is, is another question.
        headers = {"Authorization": "Bearer nonsense"}
        assert (await door.call("GET", "/open-1/o", who="", headers=headers))[0] == 401
        assert door.service.guard.mode is mode
        violations = door.service.guard.violations
    if mode is IamMode.OFF:
        assert (told, violations) == ([], {})
        return
    assert told == list(violations)
    assert violations[PolicyViolation(JOB, "storage.objects.get", "open-1")] == 3
    assert {
        PolicyViolation("", "storage.objects.create", "open-1"),
        PolicyViolation(JOB, "storage.buckets.list", ""),
    } < violations.keys()
