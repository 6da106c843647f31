"""Who may do what, enforced at the front door."""

from urllib.parse import quote

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="module")

JOB = "service-7@cloud-ml.google.com.iam.gserviceaccount.com"


async def put(door, bucket, name, who="owner", query=""):
    path = f"/upload/storage/v1/b/{bucket}/o?uploadType=media&name={quote(name, safe='')}{query}"
    return (await door.call("POST", path, data=b"x", who=who))[0]


async def statuses(door, bucket, who):
    """What reading, listing, writing anew, replacing and deleting are answered with."""
    at = f"/storage/v1/b/{bucket}/o"
    await door.call("DELETE", f"{at}/new")
    for name in ("old", "gone"):
        if (await door.call("GET", f"{at}/{name}"))[0] == 404:
            await put(door, bucket, name)
    return {
        "read": (await door.call("GET", f"/{bucket}/old", who=who))[0],
        "get": (await door.call("GET", f"{at}/old", who=who))[0],
        "list": (await door.call("GET", at, who=who))[0],
        "create": await put(door, bucket, "new", who),
        "replace": await put(door, bucket, "gone", who),
        "patch": (await door.call("PATCH", f"{at}/old", who=who, json={}))[0],
        "acl": (await door.call("GET", f"{at}/old/acl", who=who))[0],
        "delete": (await door.call("DELETE", f"{at}/gone", who=who))[0],
        "bucket": (await door.call("PATCH", f"/storage/v1/b/{bucket}", who=who, json={}))[0],
    }


async def test_nothing_without_a_grant(door, bucket):
    assert set((await statuses(door, bucket, "job")).values()) == {403}
    assert set((await statuses(door, bucket, "")).values()) == {401}
    assert set((await statuses(door, bucket, "owner")).values()) == {200, 204}
    for verb in ("GET", "POST"):
        status, _ = await door.call(verb, "/storage/v1/b", who="job", json={"name": "another-one"})
        assert status == 403
    assert (await door.call("DELETE", f"/storage/v1/b/{bucket}", who="job"))[0] == 403


async def test_refusals_are_googles(door, bucket):
    await put(door, bucket, "o")
    _, answer = await door.call("GET", f"/storage/v1/b/{bucket}/o/o", who="job")
    message = (
        f"{JOB} does not have storage.objects.get access to the Google Cloud Storage object. "
        "Permission 'storage.objects.get' denied on resource (or it may not exist)."
    )
    assert answer["error"] == {
        "code": 403,
        "message": message,
        "errors": [{"message": message, "domain": "global", "reason": "forbidden"}],
    }
    # Whoever may not list is not told what is there.
    assert (await door.call("GET", f"/storage/v1/b/{bucket}/o/nope", who="job"))[0] == 403
    assert (await door.call("GET", "/storage/v1/b/no-such-bucket/o/nope", who="job"))[0] == 404
    reply = await door.reply("GET", f"/{bucket}/o", who="")
    assert (reply.status, "WWW-Authenticate" in reply.headers) == (401, True)


async def test_what_bucket_roles_give(door, bucket):
    acl = f"/storage/v1/b/{bucket}/acl"
    assert (await door.call("POST", acl, json={"entity": f"user-{JOB}", "role": "READER"}))[0] == 200
    assert {verb for verb, status in (await statuses(door, bucket, "job")).items() if status < 300} == {"list"}
    assert (await door.call("GET", f"/storage/v1/b/{bucket}/o/nope", who="job"))[0] == 404
    assert (await door.call("PUT", f"{acl}/user-{JOB}", json={"role": "WRITER"}))[0] == 200
    may = {verb for verb, status in (await statuses(door, bucket, "job")).items() if status < 300}
    assert may == {"list", "create", "replace", "delete"}
    # What it wrote is its own.
    assert (await door.call("GET", f"/{bucket}/new", who="job"))[0] == 200
    assert (await door.call("GET", f"/storage/v1/b/{bucket}/o/new/acl", who="job"))[0] == 200
    assert (await door.call("DELETE", f"{acl}/user-{JOB}"))[0] == 204
    assert (await door.call("DELETE", f"{acl}/user-{JOB}"))[0] == 404
    assert (await statuses(door, bucket, "job"))["list"] == 403


async def test_object_and_default_lists(door, bucket):
    await put(door, bucket, "before")
    grant = {"entity": f"user-{JOB}", "role": "READER"}
    assert (await door.call("POST", f"/storage/v1/b/{bucket}/defaultObjectAcl", json=grant))[0] == 200
    await put(door, bucket, "d/after")
    assert (await door.call("GET", f"/{bucket}/before", who="job"))[0] == 403
    assert (await door.call("GET", f"/{bucket}/d/after", who="job"))[0] == 200
    _, entry = await door.call("POST", f"/storage/v1/b/{bucket}/o/before/acl", json=grant)
    assert (entry["kind"], entry["email"], entry["role"]) == ("storage#objectAccessControl", JOB, "READER")
    assert (await door.call("GET", f"/{bucket}/before", who="job"))[0] == 200
    _, found = await door.call("GET", f"/storage/v1/b/{bucket}/o/d%2Fafter?projection=full")
    assert {item["entity"]: item["role"] for item in found["acl"]} == {
        "user-owner@example.com": "OWNER",
        "project-owners-7": "OWNER",
        "project-editors-7": "OWNER",
        "project-viewers-7": "READER",
        f"user-{JOB}": "READER",
    }
    assert "acl" not in (await door.call("GET", f"/storage/v1/b/{bucket}/o/d%2Fafter"))[1]
    # An object that is replaced has the default list again.
    await put(door, bucket, "before", query="&predefinedAcl=private")
    assert (await door.call("GET", f"/{bucket}/before", who="job"))[0] == 403


async def test_an_owner_stays_one(door, bucket):
    await put(door, bucket, "o")
    owners = {
        f"/storage/v1/b/{bucket}": "project-owners-7",
        f"/storage/v1/b/{bucket}/o/o": "user-owner@example.com",
    }
    for path, owner in owners.items():
        entry = f"{path}/acl/{owner}"
        for verb, body in (("DELETE", None), ("PUT", {"role": "READER"}), ("PATCH", {"role": "READER"})):
            status, answer = await door.call(verb, entry, json=body)
            assert (status, answer["error"]["message"]) == (
                403,
                "The owner of the resource is required to have OWNER access.",
            )
        assert (await door.call("PUT", entry, json={"role": "OWNER"}))[0] == 200
        # A whole list without it is put right.
        for acl in ([], [{"entity": owner, "role": "READER"}]):
            _, answer = await door.call("PATCH", f"{path}?projection=full", json={"acl": acl})
            assert [(item["entity"], item["role"]) for item in answer["acl"]] == [(owner, "OWNER")]
    assert (await door.call("DELETE", f"/storage/v1/b/{bucket}/defaultObjectAcl/project-owners-7"))[0] == 204


async def test_a_predefined_list_names_whom_the_object_belongs_to(door, bucket):
    await put(door, bucket, "o")
    grant = {"entity": f"user-{JOB}", "role": "OWNER"}
    assert (await door.call("POST", f"/storage/v1/b/{bucket}/o/o/acl", json=grant))[0] == 200
    path = f"/storage/v1/b/{bucket}/o/o?predefinedAcl=private&projection=full"
    _, answer = await door.call("PATCH", path, who="job", json={})
    assert [item["entity"] for item in answer["acl"]] == ["user-owner@example.com"]


async def test_public_objects(door, bucket):
    await put(door, bucket, "o", query="&predefinedAcl=publicRead")
    assert await door.call("GET", f"/{bucket}/o", who="") == (200, b"x")
    assert (await door.call("GET", f"/storage/v1/b/{bucket}/o", who=""))[0] == 401


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
async def test_bad_entries_are_refused(door, bucket, entry):
    assert (await door.call("POST", f"/storage/v1/b/{bucket}/defaultObjectAcl", json=entry))[0] == 400
    assert (await door.call("GET", f"/storage/v1/b/{bucket}/acl/user-a@b.c"))[0] == 404


async def test_copies_take_reading_and_writing(door, bucket):
    await put(door, bucket, "o")
    copy = f"/storage/v1/b/{bucket}/o/o/rewriteTo/b/{bucket}/o/copy"
    assert (await door.call("POST", copy, who="job"))[0] == 403
    await door.call("POST", f"/storage/v1/b/{bucket}/acl", json={"entity": f"user-{JOB}", "role": "WRITER"})
    assert (await door.call("POST", copy, who="job"))[0] == 403
    await door.call("POST", f"/storage/v1/b/{bucket}/o/o/acl", json={"entity": f"user-{JOB}", "role": "READER"})
    assert (await door.call("POST", copy, who="job"))[0] == 200
