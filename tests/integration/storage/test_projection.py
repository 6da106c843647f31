"""Which answers have access control lists: ``projection``, and what each method does without it."""

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="module")

LIST = [{"entity": "allUsers", "role": "READER"}]
BOTH = {"acl", "owner"}


async def created(endpoint, bucket, name="o"):
    path = f"/upload/storage/v1/b/{bucket}/o?uploadType=media&name={name}"
    assert (await endpoint.call("POST", path, data=b"x"))[0] == 200
    return f"/storage/v1/b/{bucket}/o/{name}"


async def shown(endpoint, verb, path, body=None):
    status, answer = await endpoint.call(verb, path, json=body)
    assert status == 200, answer
    return BOTH & answer.get("resource", answer).keys()


@pytest.mark.parametrize("way", ["copyTo", "rewriteTo"])
async def test_a_copy_is_shown_with_the_list_that_it_was_given(endpoint, bucket, way):
    there = f"{await created(endpoint, bucket)}/{way}/b/{bucket}/o/copied"
    assert await shown(endpoint, "POST", there, {"contentType": "a/b", "acl": LIST}) == BOTH
    assert await shown(endpoint, "POST", f"{there}?projection=noAcl", {"contentType": "a/b", "acl": LIST}) == set()
    assert await shown(endpoint, "POST", there) == set()
    assert await shown(endpoint, "POST", f"{there}?projection=full") == BOTH


async def test_what_is_composed_is_shown_with_its_list(endpoint, bucket):
    """As Google's client for Go expects; the method has no ``projection``."""
    await created(endpoint, bucket)
    there = f"/storage/v1/b/{bucket}/o/composed/compose?destinationPredefinedAcl=publicRead"
    assert await shown(endpoint, "POST", there, {"sourceObjects": [{"name": "o"}]}) == BOTH


@pytest.mark.parametrize("verb", ["PATCH", "PUT"])
@pytest.mark.parametrize("body", [{}, {"contentType": "a/b"}])
async def test_what_is_changed_is_shown_with_its_list(endpoint, bucket, verb, body):
    path = await created(endpoint, bucket)
    for each in (path, f"/storage/v1/b/{bucket}"):
        assert "acl" in await shown(endpoint, verb, each, body)
        assert await shown(endpoint, verb, f"{each}?projection=noAcl", body) == set()
        assert await shown(endpoint, "GET", each) == set()


@pytest.mark.parametrize("body", [{"acl": LIST}, {"defaultObjectAcl": LIST}, {}])
async def test_a_new_bucket_is_shown_with_the_lists_that_it_was_given(endpoint, body):
    name = f"new-{'-'.join(body) or 'none'}".lower()
    found = await shown(endpoint, "POST", "/storage/v1/b?project=p", {"name": name, **body})
    assert ("acl" in found) is bool(body)


@pytest.mark.parametrize(
    ("query", "body", "found"),
    [
        ("", {}, set()),
        ("", {"acl": LIST}, BOTH),
        ("&projection=full", {}, BOTH),
        ("&projection=noAcl", {"acl": LIST}, set()),
        ("&projection=full&fields=name%2Cacl", {}, {"acl"}),
    ],
)
async def test_the_start_of_a_resumable_upload_says_what_its_end_shows(endpoint, bucket, query, body, found):
    path = f"/upload/storage/v1/b/{bucket}/o?uploadType=resumable&name=o{query}"
    begun = await endpoint.reply("POST", path, json=body)
    done = await endpoint.reply("PUT", begun.headers["Location"], data=b"x")
    answer = await done.json()
    assert done.status == 200
    assert BOTH & answer.keys() == found
    assert ("size" in answer) is ("fields" not in query)


async def test_the_body_of_a_copy_may_be_null(endpoint, bucket):
    """As rclone copies, with Google's client for Go and no object."""
    path = await created(endpoint, bucket)
    headers = {"Content-Type": "application/json"}
    there = f"{path}/copyTo/b/{bucket}/o/copied"
    status, answer = await endpoint.call("POST", there, data=b"null\n", headers=headers)
    assert (status, answer["size"]) == (200, "1")
