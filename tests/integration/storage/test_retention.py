"""Retention and holds: what they refuse, and what they allow."""

from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio

from integration.storage.test_versions import patch_bucket, path, put

pytestmark = pytest.mark.asyncio(loop_scope="module")

JOB = "service-7@cloud-ml.google.com.iam.gserviceaccount.com"
LATER = (datetime.now(UTC) + timedelta(days=1)).isoformat()
SOONER = (datetime.now(UTC) + timedelta(hours=1)).isoformat()


def error_of(answer):
    status, body = answer
    return status, body["error"]["errors"][0]["reason"], body["error"]["message"]


async def refusals(endpoint, bucket, name="o"):
    """What each way to delete or to replace an object answers."""
    await put(endpoint, bucket, "source", b"2")
    upload = f"/upload/storage/v1/b/{bucket}/o?uploadType=media&name={name}"
    return [
        error_of(await endpoint.call("DELETE", path(bucket, name))),
        error_of(await endpoint.call("POST", upload, data=b"2")),
        error_of(await endpoint.call("POST", f"{path(bucket, 'source')}/rewriteTo/b/{bucket}/o/{name}", json={})),
        error_of(
            await endpoint.call("POST", f"{path(bucket, name)}/compose", json={"sourceObjects": [{"name": "source"}]})
        ),
        error_of(await endpoint.call("POST", f"{path(bucket, name)}/moveTo/o/other")),
    ]


@pytest_asyncio.fixture(loop_scope="module")
async def retained(endpoint, bucket):
    answer = await patch_bucket(endpoint, bucket, retentionPolicy={"retentionPeriod": "1000"})
    assert answer["retentionPolicy"]["retentionPeriod"] == "1000"
    await put(endpoint, bucket, "o", b"1")
    return bucket


async def test_a_retained_object_is_neither_deleted_nor_replaced(endpoint, retained):
    _, answer = await endpoint.call("GET", path(retained))
    until = datetime.fromisoformat(answer["retentionExpirationTime"])
    assert until - datetime.fromisoformat(answer["timeCreated"]) == timedelta(seconds=1000)
    for status, reason, message in await refusals(endpoint, retained):
        assert (status, reason) == (403, "retentionPolicyNotMet")
        assert f"Object '{retained}/o' is subject to bucket's retention policy" in message
    assert await endpoint.call("GET", f"/{retained}/o") == (200, b"1")
    status, body = await endpoint.call("DELETE", f"/{retained}/o")
    assert (status, b"<Code>RetentionPolicyNotMet</Code>" in body, b"<Details>Object" in body) == (403, True, True)


async def test_conditions_come_before_retention(endpoint, retained):
    assert (await endpoint.call("DELETE", f"{path(retained)}?ifGenerationMatch=1"))[0] == 412


async def test_metadata_may_change(endpoint, retained):
    assert (await endpoint.call("PATCH", path(retained), json={"metadata": {"a": "b"}}))[0] == 200


async def test_an_upload_in_chunks_is_refused_at_its_end(endpoint, retained):
    start = f"/upload/storage/v1/b/{retained}/o?uploadType=resumable&name=o"
    reply = await endpoint.reply("POST", start, data=b"")
    assert reply.status == 200
    session = reply.headers["Location"].removeprefix(endpoint.url)
    assert error_of(await endpoint.call("PUT", session, data=b"2"))[:2] == (403, "retentionPolicyNotMet")


async def test_an_unlocked_policy_is_changed_and_removed(endpoint, retained):
    answer = await patch_bucket(endpoint, retained, retentionPolicy={"retentionPeriod": "500"})
    assert answer["retentionPolicy"]["retentionPeriod"] == "500"
    assert "retentionPolicy" not in await patch_bucket(endpoint, retained, retentionPolicy=None)
    assert (await endpoint.call("DELETE", path(retained)))[0] == 204


async def test_a_locked_policy_is_only_extended(endpoint, retained):
    bucket = f"/storage/v1/b/{retained}"
    status, reason, _ = error_of(await endpoint.call("POST", f"{bucket}/lockRetentionPolicy"))
    assert (status, reason) == (400, "required")
    lock = f"{bucket}/lockRetentionPolicy?ifMetagenerationMatch="
    assert (await endpoint.call("POST", f"{lock}99"))[0] == 412
    metageneration = (await endpoint.call("GET", bucket))[1]["metageneration"]
    status, answer = await endpoint.call("POST", lock + metageneration)
    assert (status, answer["retentionPolicy"]["isLocked"]) == (200, True)
    status, _, message = error_of(await endpoint.call("POST", lock + answer["metageneration"]))
    assert (status, "does not have an unlocked retention policy" in message) == (400, True)
    removed = await endpoint.call("PATCH", bucket, json={"retentionPolicy": None})
    assert error_of(removed)[:2] == (403, "retentionPolicyNotMet")
    shorter = await endpoint.call("PATCH", bucket, json={"retentionPolicy": {"retentionPeriod": "999"}})
    assert error_of(shorter)[:2] == (403, "forbidden")
    answer = await patch_bucket(endpoint, retained, retentionPolicy={"retentionPeriod": "1001"})
    assert (answer["retentionPolicy"]["retentionPeriod"], answer["retentionPolicy"]["isLocked"]) == ("1001", True)


@pytest.mark.parametrize("period", ["-1", "3155760001", "x"])
async def test_a_period_is_at_most_a_century(endpoint, bucket, period):
    policy = {"retentionPolicy": {"retentionPeriod": period}}
    assert (await endpoint.call("PATCH", f"/storage/v1/b/{bucket}", json=policy))[0] == 400


@pytest.mark.parametrize("field", ["temporaryHold", "eventBasedHold"])
async def test_a_released_hold_is_answered_as_false(endpoint, bucket, field):
    await put(endpoint, bucket, "o", b"1")
    answers = [(await endpoint.call("GET", path(bucket)))[1]]
    for value in (True, False, None):
        assert (await endpoint.call("PATCH", path(bucket), json={field: value}))[0] == 200
        answers.append((await endpoint.call("GET", path(bucket)))[1])
    assert [answer.get(field, "absent") for answer in answers] == ["absent", True, False, "absent"]


async def test_a_default_hold_that_was_ended_is_answered_as_false(endpoint, bucket):
    answers = [await patch_bucket(endpoint, bucket, defaultEventBasedHold=value) for value in (True, False, None)]
    assert [answer.get("defaultEventBasedHold", "absent") for answer in answers] == [True, False, "absent"]
    await patch_bucket(endpoint, bucket, defaultEventBasedHold=False)
    await put(endpoint, bucket, "o", b"1")
    assert "eventBasedHold" not in (await endpoint.call("GET", path(bucket)))[1]


@pytest.mark.parametrize(("field", "kind"), [("temporaryHold", "Temporary"), ("eventBasedHold", "Event-Based")])
async def test_a_held_object_is_neither_deleted_nor_replaced(endpoint, bucket, field, kind):
    await put(endpoint, bucket, "o", b"1")
    status, answer = await endpoint.call("PATCH", path(bucket), json={field: True})
    assert (status, answer[field]) == (200, True)
    for status, reason, message in await refusals(endpoint, bucket):
        assert (status, reason) == (403, "forbidden")
        assert f"Object '{bucket}/o' is under active {kind} hold and cannot be deleted, overwritten or" in message
    status, answer = await endpoint.call("PATCH", path(bucket), json={field: False})
    assert (status, answer[field]) == (200, False)
    assert (await endpoint.call("DELETE", path(bucket)))[0] == 204


async def test_new_objects_are_held_where_the_bucket_says_so(endpoint, bucket):
    answer = await patch_bucket(
        endpoint, bucket, defaultEventBasedHold=True, retentionPolicy={"retentionPeriod": "1000"}
    )
    assert answer["defaultEventBasedHold"] is True
    await put(endpoint, bucket, "o", b"1")
    _, answer = await endpoint.call("GET", path(bucket))
    assert (answer["eventBasedHold"], "retentionExpirationTime" in answer) == (True, False)
    # The end of the hold begins the retention.
    _, answer = await endpoint.call("PATCH", path(bucket), json={"eventBasedHold": False})
    assert answer["retentionExpirationTime"] > answer["timeCreated"]
    assert (await endpoint.call("DELETE", path(bucket)))[0] == 403


@pytest_asyncio.fixture(loop_scope="module")
async def lockable(endpoint, bucket):
    name = f"{bucket}-l"
    made = await endpoint.call("POST", "/storage/v1/b?enableObjectRetention=true", json={"name": name})
    assert made[1]["objectRetention"] == {"mode": "Enabled"}
    await put(endpoint, name, "o", b"1")
    return name


async def retain(endpoint, bucket, mode, until, query=""):
    retention = {"retention": {"mode": mode, "retainUntilTime": until} if mode else None}
    return await endpoint.call("PATCH", f"{path(bucket)}?{query}", json=retention)


async def test_an_objects_own_retention_keeps_it(endpoint, lockable):
    status, answer = await retain(endpoint, lockable, "Unlocked", LATER)
    assert (status, answer["retention"]["mode"]) == (200, "Unlocked")
    assert {reason for _, reason, _ in await refusals(endpoint, lockable)} == {"retentionPolicyNotMet"}
    assert (await retain(endpoint, lockable, "Unlocked", SOONER))[0] == 403
    override = "overrideUnlockedRetention=true"
    assert (await retain(endpoint, lockable, "Unlocked", SOONER, override))[0] == 200
    assert (await retain(endpoint, lockable, None, None, override))[0] == 200
    assert (await endpoint.call("DELETE", path(lockable)))[0] == 204


async def test_a_locked_retention_is_only_extended(endpoint, lockable):
    assert (await retain(endpoint, lockable, "Locked", SOONER))[0] == 200
    override = "overrideUnlockedRetention=true"
    for mode, until in (("Unlocked", LATER), (None, None), ("Locked", datetime.now(UTC).isoformat())):
        assert (await retain(endpoint, lockable, mode, until, override))[0] == 403
    assert (await retain(endpoint, lockable, "Locked", LATER))[0] == 200


async def test_a_retention_asks_for_permissions_of_its_own(endpoint, lockable):
    async def allow(role):
        bindings = [{"role": role, "members": [f"serviceAccount:{JOB}"]}]
        assert (await endpoint.call("PUT", f"/storage/v1/b/{lockable}/iam", json={"bindings": bindings}))[0] == 200

    async def change(mode, until, query="", caller="job"):
        retention = {"retention": {"mode": mode, "retainUntilTime": until}}
        return await endpoint.call("PATCH", f"{path(lockable)}?{query}", json=retention, caller=caller)

    upload = f"/upload/storage/v1/b/{lockable}/o?uploadType=multipart"
    body = (
        '--x\r\nContent-Type: application/json\r\n\r\n{"name": "new", "retention": {"mode": "Unlocked", '
        f'"retainUntilTime": "{LATER}"}}}}\r\n--x\r\nContent-Type: text/plain\r\n\r\n1\r\n--x--'
    )
    related = {"Content-Type": "multipart/related; boundary=x"}
    await allow("roles/storage.objectUser")
    refused = [
        await change("Unlocked", LATER),
        await endpoint.call("POST", upload, data=body, headers=related, caller="job"),
    ]
    for status, answer in refused:
        assert (status, "storage.objects.setRetention" in answer["error"]["message"]) == (403, True)
    assert (await change("Unlocked", LATER, caller="owner"))[0] == 200
    status, answer = await change("Unlocked", SOONER, "overrideUnlockedRetention=true")
    assert (status, "setRetention" in answer["error"]["message"]) == (403, True)
    await allow("roles/storage.objectAdmin")
    assert (await change("Unlocked", SOONER, "overrideUnlockedRetention=true"))[0] == 200
    assert (await endpoint.call("POST", upload, data=body, headers=related, caller="job"))[0] == 200


@pytest.mark.parametrize(
    "retention",
    [
        {"mode": "Locked"},
        {"retainUntilTime": LATER},
        {"mode": "x", "retainUntilTime": LATER},
        {"mode": "Locked", "retainUntilTime": "x"},
    ],
)
async def test_an_incomplete_retention_is_refused(endpoint, lockable, retention):
    status, answer = await endpoint.call("PATCH", path(lockable), json={"retention": retention})
    assert (status, answer["error"]["errors"][0]["location"].split(".")[0]) == (400, "retention")


async def test_retention_and_an_event_based_hold_exclude_each_other(endpoint, lockable):
    assert (await retain(endpoint, lockable, "Unlocked", LATER))[0] == 200
    assert (await endpoint.call("PATCH", path(lockable), json={"eventBasedHold": True}))[0] == 400


async def test_retention_of_objects_is_enabled_at_the_buckets_creation_only(endpoint, bucket):
    await put(endpoint, bucket, "o", b"1")
    assert (await retain(endpoint, bucket, "Unlocked", LATER))[0] == 400
    change = {"objectRetention": {"mode": "Enabled"}}
    assert (await endpoint.call("PATCH", f"/storage/v1/b/{bucket}", json=change))[0] == 400


async def test_copies_carry_neither_holds_nor_retention(endpoint, lockable):
    assert (await retain(endpoint, lockable, "Locked", LATER))[0] == 200
    assert (await endpoint.call("PATCH", path(lockable), json={"temporaryHold": True}))[0] == 200
    status, answer = await endpoint.call("POST", f"{path(lockable)}/rewriteTo/b/{lockable}/o/copy", json={})
    assert (status, {"temporaryHold", "retention"} & answer["resource"].keys()) == (200, set())
    assert (await endpoint.call("DELETE", path(lockable, "copy")))[0] == 204


async def test_writes_of_every_kind_can_hold_and_retain(endpoint, lockable):
    kept = {"temporaryHold": True, "retention": {"mode": "Unlocked", "retainUntilTime": LATER}}
    upload = f"/upload/storage/v1/b/{lockable}/o?uploadType=resumable"
    begun = await endpoint.reply("POST", upload, json={"name": "resumed", **kept})
    _, resumed = await endpoint.call("PUT", begun.headers["Location"].removeprefix(endpoint.url), data=b"1")
    _, copied = await endpoint.call("POST", f"{path(lockable, 'resumed')}/copyTo/b/{lockable}/o/copied", json=kept)
    sources = {"sourceObjects": [{"name": "resumed"}], "destination": kept}
    _, joined = await endpoint.call("POST", f"{path(lockable, 'joined')}/compose", json=sources)
    for answer in (resumed, copied, joined):
        assert (answer["temporaryHold"], answer["retention"]["mode"]) == (True, "Unlocked")
        assert (await endpoint.call("DELETE", path(lockable, answer["name"])))[0] == 403


@pytest.mark.parametrize("hold", ["temporaryHold", "eventBasedHold"])
async def test_sources_that_are_held_are_refused_before_they_are_composed(endpoint, bucket, hold):
    for name in ("free", "held"):
        await put(endpoint, bucket, name, b"1")
    assert (await endpoint.call("PATCH", path(bucket, "held"), json={hold: True}))[0] == 200
    request = {"sourceObjects": [{"name": "free"}, {"name": "held"}], "deleteSourceObjects": True}
    assert (await endpoint.call("POST", f"{path(bucket, 'all')}/compose", json=request))[0] == 403
    assert (await endpoint.call("GET", path(bucket, "all")))[0] == 404
    assert (await endpoint.call("GET", path(bucket, "free")))[0] == 200


async def test_a_hold_that_is_set_while_an_object_is_moved_keeps_it(endpoint, bucket, monkeypatch):
    await put(endpoint, bucket, "o", b"1")
    pieces, copy = endpoint.service.copies._pieces, endpoint.service.copies._pieces.copy

    async def copied(*arguments):
        assert (await endpoint.call("PATCH", path(bucket), json={"temporaryHold": True}))[0] == 200
        return await copy(*arguments)

    monkeypatch.setattr(pieces, "copy", copied)
    assert (await endpoint.call("POST", f"{path(bucket)}/moveTo/o/other"))[0] in (403, 503)
    assert (await endpoint.call("GET", path(bucket)))[1]["temporaryHold"] is True
    assert (await endpoint.call("GET", path(bucket, "other")))[0] == 404
