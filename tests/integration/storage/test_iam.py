"""Policies, uniform access and the modes of enforcement."""

from urllib.parse import quote

import pytest

from cloud.engine.storage.guard import PolicyViolation
from cloud.settings import IamMode

pytestmark = pytest.mark.asyncio(loop_scope="module")

JOB = "service-7@cloud-ml.google.com.iam.gserviceaccount.com"
READ_MORE = ". Read more at https://cloud.google.com/storage/docs/uniform-bucket-level-access"


async def put(endpoint, bucket, name, caller="owner", query=""):
    path = f"/upload/storage/v1/b/{bucket}/o?uploadType=media&name={quote(name, safe='')}{query}"
    return await endpoint.call("POST", path, data=b"x", caller=caller)


def granted(policy):
    return {
        (binding["role"].removeprefix("roles/storage."), one)
        for binding in policy["bindings"]
        for one in binding["members"]
    }


async def test_a_policy_and_an_acl_are_two_views(endpoint, bucket):
    iam, acl = f"/storage/v1/b/{bucket}/iam", f"/storage/v1/b/{bucket}/acl"
    _, policy = await endpoint.call("GET", iam)
    assert policy.keys() == {"kind", "resourceId", "version", "etag", "bindings"}
    assert (policy["kind"], policy["resourceId"]) == ("storage#policy", f"projects/_/buckets/{bucket}")
    team = {
        ("legacyBucketOwner", "projectOwner:my-project"),
        ("legacyBucketOwner", "projectEditor:my-project"),
        ("legacyBucketReader", "projectViewer:my-project"),
    }
    assert granted(policy) == team
    assert (await endpoint.call("POST", acl, json={"entity": f"user-{JOB}", "role": "WRITER"}))[0] == 200
    _, policy = await endpoint.call("GET", iam)
    assert granted(policy) == team | {("legacyBucketWriter", f"serviceAccount:{JOB}")}
    policy["bindings"] = [
        {"role": "roles/storage.legacyBucketReader", "members": [f"serviceAccount:{JOB}"]},
        {"role": "roles/storage.objectViewer", "members": ["user:a@b.org"]},
        {"role": "roles/storage.objectViewer", "members": [f"serviceAccount:{JOB}"]},
    ]
    status, changed = await endpoint.call("PUT", iam, json=policy)
    assert status == 200
    assert changed["etag"] != policy["etag"]
    assert granted(changed) == {
        ("legacyBucketReader", f"serviceAccount:{JOB}"),
        ("objectViewer", "user:a@b.org"),
        ("objectViewer", f"serviceAccount:{JOB}"),
    }
    _, listed = await endpoint.call("GET", acl)
    assert [(item["entity"], item["role"]) for item in listed["items"]] == [(f"user-{JOB}", "READER")]
    await put(endpoint, bucket, "o")
    assert await endpoint.call("GET", f"/{bucket}/o", caller="job") == (200, b"x")


async def test_an_objects_policy_is_its_acl(endpoint, bucket):
    await put(endpoint, bucket, "a/ü")
    o = f"/storage/v1/b/{bucket}/o/a%2F%C3%BC"
    _, policy = await endpoint.call("GET", f"{o}/iam")
    assert policy["resourceId"] == f"projects/_/buckets/{bucket}/objects/a/ü"
    assert ("legacyObjectReader", "projectViewer:my-project") in granted(policy)
    policy["bindings"] = [{"role": "roles/storage.legacyObjectReader", "members": [f"serviceAccount:{JOB}"]}]
    assert (await endpoint.call("GET", f"/{bucket}/a/%C3%BC", caller="job"))[0] == 403
    assert (await endpoint.call("PUT", f"{o}/iam", json=policy))[0] == 200
    assert (await endpoint.call("PUT", f"{o}/iam", json=policy))[0] == 412
    assert (await endpoint.call("GET", f"/{bucket}/a/%C3%BC", caller="job"))[0] == 200
    _, found = await endpoint.call("GET", f"{o}/acl")
    assert [(item["entity"], item["role"]) for item in found["items"]] == [(f"user-{JOB}", "READER")]
    assert (await endpoint.call("GET", f"{o}/acl?generation=1"))[0] == 404


async def test_a_stale_etag_changes_nothing(endpoint, bucket):
    iam = f"/storage/v1/b/{bucket}/iam"
    _, first = await endpoint.call("GET", iam)
    _, second = await endpoint.call("PUT", iam, json=first)
    for etag in (first["etag"], "CAE=", "%%", "MS8x"):
        status, answer = await endpoint.call("PUT", iam, json={**first, "etag": etag, "bindings": []})
        assert (status, answer["error"]["errors"][0]["reason"]) == (412, "conditionNotMet")
    assert await endpoint.call("GET", iam) == (200, second)
    del first["etag"]
    assert (await endpoint.call("PUT", iam, json=first))[0] == 200


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
async def test_bad_policies_are_refused(endpoint, bucket, policy):
    assert (await endpoint.call("PUT", f"/storage/v1/b/{bucket}/iam", json=policy))[0] == 400
    assert (await endpoint.call("GET", f"/storage/v1/b/{bucket}/iam"))[1]["etag"] == "MQ=="


async def test_permissions_can_be_tested(endpoint, bucket):
    requested = (
        "storage.buckets.get",
        "storage.objects.get",
        "storage.objects.create",
        "storage.multipartUploads.create",
    )
    query = "&".join(f"permissions={one}" for one in requested)
    where = f"/storage/v1/b/{bucket}/iam/testPermissions?{query}"
    kind = "storage#testIamPermissionsResponse"
    assert await endpoint.call("GET", where) == (200, {"kind": kind, "permissions": list(requested)})
    assert await endpoint.call("GET", where, caller="job") == (200, {"kind": kind})
    assert await endpoint.call("GET", where, caller="") == (200, {"kind": kind})
    await endpoint.call("POST", f"/storage/v1/b/{bucket}/acl", json={"entity": f"user-{JOB}", "role": "WRITER"})
    assert (await endpoint.call("GET", where, caller="job"))[1]["permissions"] == [requested[0], *requested[2:]]
    await put(endpoint, bucket, "o", caller="job")
    of_object = f"/storage/v1/b/{bucket}/o/o/iam/testPermissions?{query}"
    assert (await endpoint.call("GET", of_object, caller="job"))[1]["permissions"] == list(requested)
    assert (await endpoint.call("GET", f"/storage/v1/b/{bucket}/iam/testPermissions?permissions=ml.jobs.get"))[0] == 400
    assert (await endpoint.call("GET", f"/storage/v1/b/nope-nope/iam/testPermissions?{query}"))[0] == 404


def uniform(enabled):
    return {"iamConfiguration": {"uniformBucketLevelAccess": {"enabled": enabled}}}


async def test_uniform_access_disables_acls_reversibly(endpoint, bucket):
    b, item = f"/storage/v1/b/{bucket}", f"/storage/v1/b/{bucket}/o/o"
    await put(endpoint, bucket, "o")
    grant = {"entity": f"user-{JOB}", "role": "READER"}
    await endpoint.call("POST", f"{item}/acl", json=grant)
    assert (await endpoint.call("GET", f"/{bucket}/o", caller="job"))[0] == 200
    status, made = await endpoint.call("PATCH", b, json=uniform(True))
    assert status == 200
    assert made["iamConfiguration"]["uniformBucketLevelAccess"]["enabled"] is True
    assert made["iamConfiguration"]["uniformBucketLevelAccess"]["lockedTime"] > made["updated"]
    assert (await endpoint.call("GET", f"/{bucket}/o", caller="job"))[0] == 403
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
        status, answer = await endpoint.call(verb, path, json=grant if path.endswith(("acl", "Acl")) else {})
        assert (status, answer["error"]["message"]) == (400, message + READ_MORE), (verb, path)
    for path in (b, item):
        _, found = await endpoint.call("GET", f"{path}?projection=full")
        assert not {"acl", "defaultObjectAcl", "owner"} & found.keys()
    assert (await put(endpoint, bucket, "new"))[0] == 200
    policy = {"bindings": [{"role": "roles/storage.objectViewer", "members": [f"serviceAccount:{JOB}"]}]}
    assert (await endpoint.call("PUT", f"{b}/iam", json=policy))[0] == 200
    assert (await endpoint.call("GET", f"/{bucket}/new", caller="job"))[0] == 200
    assert (await endpoint.call("PUT", f"{b}/iam", json={"bindings": [], "version": 1}))[0] == 200
    status, made = await endpoint.call("PATCH", b, json={"iamConfiguration": {"bucketPolicyOnly": {"enabled": False}}})
    assert (status, made["iamConfiguration"]["uniformBucketLevelAccess"]) == (200, {"enabled": False})
    # The ACLs are unchanged.
    assert (await endpoint.call("GET", f"/{bucket}/o", caller="job"))[0] == 200


async def test_a_bucket_created_with_uniform_access_grants_its_project_the_objects(endpoint):
    assert (await endpoint.call("POST", "/storage/v1/b", json={"name": "uniform-1", **uniform(True)}))[0] == 200
    assert {
        ("legacyObjectOwner", "projectOwner:my-project"),
        ("legacyObjectOwner", "projectEditor:my-project"),
        ("legacyObjectReader", "projectViewer:my-project"),
    } < granted((await endpoint.call("GET", "/storage/v1/b/uniform-1/iam"))[1])
    made = "/storage/v1/b?predefinedAcl=private"
    assert (await endpoint.call("POST", made, json={"name": "uniform-2", **uniform(True)}))[0] == 400
    assert (await endpoint.call("GET", "/storage/v1/b/uniform-2"))[0] == 404
    for wrong in (1, {"uniformBucketLevelAccess": 1}, {"publicAccessPrevention": "x"}):
        assert (await endpoint.call("POST", "/storage/v1/b", json={"name": "uniform-3", "iamConfiguration": wrong}))[
            0
        ] == 400


async def test_public_access_prevention(endpoint, bucket):
    b = f"/storage/v1/b/{bucket}"
    await put(endpoint, bucket, "o", query="&predefinedAcl=publicRead")
    assert (await endpoint.call("GET", f"/{bucket}/o", caller=""))[0] == 200
    status, made = await endpoint.call("PATCH", b, json={"iamConfiguration": {"publicAccessPrevention": "enforced"}})
    assert (status, made["iamConfiguration"]["publicAccessPrevention"]) == (200, "enforced")
    assert (await endpoint.call("GET", f"/{bucket}/o", caller=""))[0] == 403
    public = {"bindings": [{"role": "roles/storage.objectViewer", "members": ["allUsers"]}]}
    assert (await endpoint.call("PUT", f"{b}/iam", json=public))[0] == 412
    assert (await endpoint.call("POST", f"{b}/acl", json={"entity": "allUsers", "role": "READER"}))[0] == 412
    assert (await put(endpoint, bucket, "p", query="&predefinedAcl=publicRead"))[0] == 412


async def test_access_settings_require_the_permission_to_set_policies(endpoint, bucket):
    await endpoint.call("POST", f"/storage/v1/b/{bucket}/acl", json={"entity": f"user-{JOB}", "role": "WRITER"})
    for change in (uniform(True), {"iamConfiguration": {"publicAccessPrevention": "enforced"}}):
        assert (await endpoint.call("PATCH", f"/storage/v1/b/{bucket}", json=change, caller="job"))[0] == 403
    await endpoint.call("POST", f"/storage/v1/b/{bucket}/acl", json={"entity": f"user-{JOB}", "role": "OWNER"})
    assert (await endpoint.call("PATCH", f"/storage/v1/b/{bucket}", json=uniform(True), caller="job"))[0] == 200


async def test_policies_survive_a_restart(new_endpoint, tmp_path):
    async with new_endpoint(tmp_path) as endpoint:
        await endpoint.call("POST", "/storage/v1/b", json={"name": "kept", **uniform(True)})
        policy = {"bindings": [{"role": "roles/storage.objectCreator", "members": ["allUsers"]}]}
        _, policy = await endpoint.call("PUT", "/storage/v1/b/kept/iam", json=policy)
        _, bucket = await endpoint.call("GET", "/storage/v1/b/kept?projection=full")
    async with new_endpoint(tmp_path) as endpoint:
        assert await endpoint.call("GET", "/storage/v1/b/kept/iam") == (200, policy)
        _, again = await endpoint.call("GET", "/storage/v1/b/kept?projection=full")
        assert again["iamConfiguration"] == bucket["iamConfiguration"]
        assert (await put(endpoint, "kept", "o", caller=""))[0] == 200


@pytest.mark.parametrize("mode", [IamMode.SOFT, IamMode.OFF])
async def test_modes_that_refuse_nothing(new_endpoint, tmp_path, mode):
    reported = []
    async with new_endpoint(tmp_path, iam=mode, on_violation=reported.append) as endpoint:
        await endpoint.call("POST", "/storage/v1/b", json={"name": "open-1"})
        await put(endpoint, "open-1", "o")
        assert await endpoint.call("GET", "/open-1/o", caller="job") == (200, b"x")
        assert await endpoint.call("GET", "/open-1/o", caller="job") == (200, b"x")
        assert (await put(endpoint, "open-1", "p", caller=""))[0] == 200
        assert (await endpoint.call("GET", "/storage/v1/b/open-1/o/nope", caller="job"))[0] == 404
        assert (await endpoint.call("GET", "/storage/v1/b", caller="job"))[0] == 200
        # Authentication is still required.
        headers = {"Authorization": "Bearer nonsense"}
        assert (await endpoint.call("GET", "/open-1/o", caller="", headers=headers))[0] == 401
        assert endpoint.service.guard.mode is mode
        violations = endpoint.service.guard.violations
    if mode is IamMode.OFF:
        assert (reported, violations) == ([], {})
        return
    assert reported == list(violations)
    assert violations[PolicyViolation(JOB, "storage.objects.get", "open-1")] == 3
    assert {
        PolicyViolation("", "storage.objects.create", "open-1"),
        PolicyViolation(JOB, "storage.buckets.list", ""),
    } < violations.keys()
