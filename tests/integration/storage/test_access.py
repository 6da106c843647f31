"""Permissions, as enforced for requests."""

from urllib.parse import quote

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="module")

JOB = "service-7@cloud-ml.google.com.iam.gserviceaccount.com"


async def put(endpoint, bucket, name, caller="owner", query=""):
    path = f"/upload/storage/v1/b/{bucket}/o?uploadType=media&name={quote(name, safe='')}{query}"
    return (await endpoint.call("POST", path, data=b"x", caller=caller))[0]


async def statuses(endpoint, bucket, caller):
    """The statuses of reading, listing, creating, replacing and deleting."""
    at = f"/storage/v1/b/{bucket}/o"
    await endpoint.call("DELETE", f"{at}/new")
    for name in ("old", "gone"):
        if (await endpoint.call("GET", f"{at}/{name}"))[0] == 404:
            await put(endpoint, bucket, name)
    return {
        "read": (await endpoint.call("GET", f"/{bucket}/old", caller=caller))[0],
        "get": (await endpoint.call("GET", f"{at}/old", caller=caller))[0],
        "list": (await endpoint.call("GET", at, caller=caller))[0],
        "create": await put(endpoint, bucket, "new", caller),
        "replace": await put(endpoint, bucket, "gone", caller),
        "patch": (await endpoint.call("PATCH", f"{at}/old", caller=caller, json={}))[0],
        "acl": (await endpoint.call("GET", f"{at}/old/acl", caller=caller))[0],
        "delete": (await endpoint.call("DELETE", f"{at}/gone", caller=caller))[0],
        "bucket": (await endpoint.call("PATCH", f"/storage/v1/b/{bucket}", caller=caller, json={}))[0],
    }


async def test_nothing_without_a_grant(endpoint, bucket):
    assert set((await statuses(endpoint, bucket, "job")).values()) == {403}
    anonymous = await statuses(endpoint, bucket, "")
    assert anonymous.pop("read") == 403  # by the XML API
    assert set(anonymous.values()) == {401}
    assert set((await statuses(endpoint, bucket, "owner")).values()) == {200, 204}
    for verb in ("GET", "POST"):
        status, _ = await endpoint.call(verb, "/storage/v1/b", caller="job", json={"name": "another-one"})
        assert status == 403
    assert (await endpoint.call("DELETE", f"/storage/v1/b/{bucket}", caller="job"))[0] == 403


async def test_errors_have_googles_text(endpoint, bucket):
    await put(endpoint, bucket, "o")
    _, answer = await endpoint.call("GET", f"/storage/v1/b/{bucket}/o/o", caller="job")
    message = (
        f"{JOB} does not have storage.objects.get access to the Google Cloud Storage object. "
        "Permission 'storage.objects.get' denied on resource (or it may not exist). "
        f"To allow it: gcloud storage buckets add-iam-policy-binding gs://{bucket} --member=serviceAccount:{JOB} "
        "--role=roles/storage.objectViewer"
    )
    assert answer["error"] == {
        "code": 403,
        "message": message,
        "errors": [{"message": message, "domain": "global", "reason": "forbidden"}],
    }
    # A caller who may not list cannot learn which objects exist.
    assert (await endpoint.call("GET", f"/storage/v1/b/{bucket}/o/nope", caller="job"))[0] == 403
    assert (await endpoint.call("GET", "/storage/v1/b/no-such-bucket/o/nope", caller="job"))[0] == 404
    reply = await endpoint.reply("GET", f"/storage/v1/b/{bucket}/o/o", caller="")
    assert (reply.status, "WWW-Authenticate" in reply.headers) == (401, True)
    # The XML API asks nobody to sign in who has not tried.
    reply = await endpoint.reply("GET", f"/{bucket}/o", caller="")
    assert (reply.status, "WWW-Authenticate" in reply.headers) == (403, False)
    assert b"<Code>AccessDenied</Code>" in await reply.read()
    reply = await endpoint.reply("GET", f"/{bucket}/o", caller="", headers={"Authorization": "Bearer nonsense"})
    assert (reply.status, "WWW-Authenticate" in reply.headers) == (401, True)
    assert b"<Code>AuthenticationRequired</Code>" in await reply.read()


async def test_bucket_roles(endpoint, bucket):
    acl = f"/storage/v1/b/{bucket}/acl"
    assert (await endpoint.call("POST", acl, json={"entity": f"user-{JOB}", "role": "READER"}))[0] == 200
    assert {verb for verb, status in (await statuses(endpoint, bucket, "job")).items() if status < 300} == {"list"}
    assert (await endpoint.call("GET", f"/storage/v1/b/{bucket}/o/nope", caller="job"))[0] == 404
    assert (await endpoint.call("PUT", f"{acl}/user-{JOB}", json={"role": "WRITER"}))[0] == 200
    may = {verb for verb, status in (await statuses(endpoint, bucket, "job")).items() if status < 300}
    assert may == {"list", "create", "replace", "delete"}
    # The job owns the objects it created.
    assert (await endpoint.call("GET", f"/{bucket}/new", caller="job"))[0] == 200
    assert (await endpoint.call("GET", f"/storage/v1/b/{bucket}/o/new/acl", caller="job"))[0] == 200
    assert (await endpoint.call("DELETE", f"{acl}/user-{JOB}"))[0] == 204
    assert (await endpoint.call("DELETE", f"{acl}/user-{JOB}"))[0] == 404
    assert (await statuses(endpoint, bucket, "job"))["list"] == 403


async def test_object_and_default_acls(endpoint, bucket):
    await put(endpoint, bucket, "before")
    grant = {"entity": f"user-{JOB}", "role": "READER"}
    assert (await endpoint.call("POST", f"/storage/v1/b/{bucket}/defaultObjectAcl", json=grant))[0] == 200
    await put(endpoint, bucket, "d/after")
    assert (await endpoint.call("GET", f"/{bucket}/before", caller="job"))[0] == 403
    assert (await endpoint.call("GET", f"/{bucket}/d/after", caller="job"))[0] == 200
    _, entry = await endpoint.call("POST", f"/storage/v1/b/{bucket}/o/before/acl", json=grant)
    assert (entry["kind"], entry["email"], entry["role"]) == ("storage#objectAccessControl", JOB, "READER")
    assert (await endpoint.call("GET", f"/{bucket}/before", caller="job"))[0] == 200
    _, found = await endpoint.call("GET", f"/storage/v1/b/{bucket}/o/d%2Fafter?projection=full")
    assert {item["entity"]: item["role"] for item in found["acl"]} == {
        "user-owner@example.com": "OWNER",
        "project-owners-7": "OWNER",
        "project-editors-7": "OWNER",
        "project-viewers-7": "READER",
        f"user-{JOB}": "READER",
    }
    assert "acl" not in (await endpoint.call("GET", f"/storage/v1/b/{bucket}/o/d%2Fafter"))[1]
    # A replaced object has the default ACL again.
    await put(endpoint, bucket, "before", query="&predefinedAcl=private")
    assert (await endpoint.call("GET", f"/{bucket}/before", caller="job"))[0] == 403


async def test_owners_keep_their_role(endpoint, bucket):
    await put(endpoint, bucket, "o")
    owners = {
        f"/storage/v1/b/{bucket}": "project-owners-7",
        f"/storage/v1/b/{bucket}/o/o": "user-owner@example.com",
    }
    for path, owner in owners.items():
        entry = f"{path}/acl/{owner}"
        for verb, body in (("DELETE", None), ("PUT", {"role": "READER"}), ("PATCH", {"role": "READER"})):
            status, answer = await endpoint.call(verb, entry, json=body)
            assert (status, answer["error"]["message"]) == (
                403,
                "The owner of the resource is required to have OWNER access.",
            )
        assert (await endpoint.call("PUT", entry, json={"role": "OWNER"}))[0] == 200
        # An ACL without the owner is completed.
        for acl in ([], [{"entity": owner, "role": "READER"}]):
            _, answer = await endpoint.call("PATCH", f"{path}?projection=full", json={"acl": acl})
            assert [(item["entity"], item["role"]) for item in answer["acl"]] == [(owner, "OWNER")]
    assert (await endpoint.call("DELETE", f"/storage/v1/b/{bucket}/defaultObjectAcl/project-owners-7"))[0] == 204


async def test_a_predefined_acl_names_the_objects_owner(endpoint, bucket):
    await put(endpoint, bucket, "o")
    grant = {"entity": f"user-{JOB}", "role": "OWNER"}
    assert (await endpoint.call("POST", f"/storage/v1/b/{bucket}/o/o/acl", json=grant))[0] == 200
    path = f"/storage/v1/b/{bucket}/o/o?predefinedAcl=private&projection=full"
    _, answer = await endpoint.call("PATCH", path, caller="job", json={})
    assert [item["entity"] for item in answer["acl"]] == ["user-owner@example.com"]


async def test_public_objects(endpoint, bucket):
    await put(endpoint, bucket, "o", query="&predefinedAcl=publicRead")
    assert await endpoint.call("GET", f"/{bucket}/o", caller="") == (200, b"x")
    assert (await endpoint.call("GET", f"/storage/v1/b/{bucket}/o", caller=""))[0] == 401


@pytest.mark.parametrize(
    "entry",
    [
        {},
        {"entity": "user-a@b.c"},
        {"entity": "user-a@b.c", "role": "WRITER"},
        {"entity": "me", "role": "READER"},
        {"entity": 1, "role": "READER"},
    ],
)
async def test_bad_entries_are_refused(endpoint, bucket, entry):
    assert (await endpoint.call("POST", f"/storage/v1/b/{bucket}/defaultObjectAcl", json=entry))[0] == 400
    assert (await endpoint.call("GET", f"/storage/v1/b/{bucket}/acl/user-a@b.c"))[0] == 404


async def test_copies_require_reading_and_writing(endpoint, bucket):
    await put(endpoint, bucket, "o")
    copy = f"/storage/v1/b/{bucket}/o/o/rewriteTo/b/{bucket}/o/copy"
    assert (await endpoint.call("POST", copy, caller="job"))[0] == 403
    await endpoint.call("POST", f"/storage/v1/b/{bucket}/acl", json={"entity": f"user-{JOB}", "role": "WRITER"})
    assert (await endpoint.call("POST", copy, caller="job"))[0] == 403
    await endpoint.call("POST", f"/storage/v1/b/{bucket}/o/o/acl", json={"entity": f"user-{JOB}", "role": "READER"})
    assert (await endpoint.call("POST", copy, caller="job"))[0] == 200
