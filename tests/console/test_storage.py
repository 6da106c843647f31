"""Buckets, folders and objects, which are other people's content."""

import secrets

import pytest
from console.pages import HOSTILE, Pages

from cloud.errors import NotFound
from cloud.names import GsUri
from cloud.server.thread import BackgroundCloud


def test_folders_and_files_of_a_bucket(pages: Pages, bucket: str) -> None:
    page = pages.page
    pages.open("/storage")
    page.get_by_role("link", name=bucket, exact=True).click()
    page.get_by_role("link", name="data/").click()
    assert page.get_by_role("link", name="below/").count() == 1
    page.get_by_role("link", name="onerror").click()
    assert page.locator("pre").inner_text().strip() == HOSTILE
    answer = page.request.get(page.get_by_role("link", name="Download").evaluate("link => link.href"))
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_file_is_uploaded_and_deleted(pages: Pages, cloud: BackgroundCloud, bucket: str) -> None:
    page, uri = pages.page, GsUri(bucket, "up/a.txt")
    pages.open(f"/storage/{bucket}/?prefix=up/")
    page.set_input_files("#file", {"name": "a.txt", "mimeType": "text/plain", "buffer": b"from the browser"})
    page.get_by_role("button", name="Upload", exact=True).click()
    page.get_by_role("link", name="a.txt").click()
    assert cloud.run(cloud.backend.read_object(uri)) == b"from the browser"
    page.get_by_role("button", name="Delete the object").click()  # the fixture says yes to the question
    page.get_by_text("This folder is empty.").wait_for()
    with pytest.raises(NotFound):
        cloud.run(cloud.backend.read_object(uri))


def test_a_bucket_is_made_filled_emptied_and_deleted(pages: Pages, cloud: BackgroundCloud) -> None:
    page, name = pages.page, f"made-{secrets.token_hex(4)}"
    pages.open("/storage")
    page.get_by_label("Name").fill("Not a Name")
    page.get_by_role("button", name="Make a bucket").click()
    assert "Invalid bucket name 'Not a Name'" in page.get_by_role("alert").inner_text()
    page.get_by_label("Name").fill(name)
    page.get_by_label("Location").fill("europe-west1")
    page.get_by_role("button", name="Make a bucket").click()
    assert cloud.run(cloud.backend.get_bucket(name)).location == "EUROPE-WEST1"
    cloud.run(cloud.backend.write_object(GsUri(name, "a/b/c.txt"), b"x"))
    page.get_by_role("link", name="a/").wait_for()  # by itself
    page.get_by_role("button", name="Delete the bucket").click()
    assert "not empty" in page.get_by_role("alert").inner_text()
    cloud.run(cloud.backend.write_object(GsUri(name, "b/kept"), b"x"))
    pages.open(f"/storage/{name}/?prefix=*/")
    page.get_by_role("button", name="Delete the folder").click()
    assert len(cloud.run(cloud.backend.list_objects(GsUri(name, "")))) == 2, "a name is no pattern"
    cloud.run(cloud.backend.delete_objects(GsUri(name, "b/kept")))
    pages.open(f"/storage/{name}/?prefix=a/")
    page.get_by_role("button", name="Delete the folder").click()
    page.get_by_text("This folder is empty.").wait_for()
    page.get_by_role("button", name="Delete the bucket").click()
    page.wait_for_url(pages.url("/storage"))
    assert cloud.run(cloud.backend.bucket_exists(name)) is False


def test_a_large_folder_and_a_large_object_come_in_parts(pages: Pages, cloud: BackgroundCloud, bucket: str) -> None:
    async def write() -> None:
        for number in range(250):
            await cloud._cloud.backend.write_object(GsUri(bucket, f"many/{number:03}"), b"")
        await cloud._cloud.backend.write_object(GsUri(bucket, "large.txt"), b"0123456789abcde\n" * 10_000)
        await cloud._cloud.backend.write_object(GsUri(bucket, "binary"), bytes(range(256)) * 10)

    cloud.run(write())
    page = pages.page
    pages.open(f"/storage/{bucket}/?prefix=many/")
    assert page.locator("tbody tr").count() == 200
    page.get_by_role("link", name="More").click()
    assert page.locator("tbody tr").count() == 50
    pages.open(f"/storage/{bucket}/object?name=large.txt")
    assert len(page.locator("pre").text_content() or "") == 64 * 1024
    assert "The first 65536 bytes" in pages.main
    pages.open(f"/storage/{bucket}/object?name=binary")
    assert "Not text: it is not shown here." in pages.main


@pytest.mark.parametrize("path", ["/storage/no-such-bucket/", "/storage/no-such-bucket/object?name=x"])
def test_what_does_not_exist_is_named(pages: Pages, path: str) -> None:
    assert pages.open(path).status == 404
    assert "no-such-bucket" in pages.main
