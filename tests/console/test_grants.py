"""Who may what: grants are seen, added and removed, in policies and in lists of access control."""

import secrets
from collections.abc import Iterator

import pytest
from console.pages import HOSTILE, Pages

from cloud.names import GsUri
from cloud.server.thread import BackgroundCloud


@pytest.fixture
def granted(cloud: BackgroundCloud) -> Iterator[str]:
    """A bucket of one object, with no grants but those that every bucket has."""
    name = f"grants-{secrets.token_hex(4)}"
    cloud.run(cloud.backend.create_bucket(name))
    cloud.run(cloud.backend.write_object(GsUri(name, "a.txt"), b"x"))
    yield name
    cloud.run(cloud.backend.delete_objects(GsUri(name, "")))
    cloud.run(cloud.backend.delete_bucket(name))


def test_the_accounts_line_and_the_commands_that_grant_it(pages: Pages, cloud: BackgroundCloud, granted: str) -> None:
    page, account = pages.page, cloud.run(cloud.backend.ml_service_account())
    pages.open("/iam")
    agent = page.get_by_role("row", name=f"serviceAccount:{account}")
    agent.get_by_role("button", name="Remove").click()
    try:
        row = page.get_by_role("row", name=granted)
        assert row.locator(".state").all_inner_texts() == ["no", "no", "no", "no"]
        pages.open(f"/iam/{granted}")
        command = page.locator("pre").inner_text().splitlines()
        assert command[0] == f"gsutil -m defacl ch -u {account}:R gs://{granted}"
        for number, role in ((1, "WRITER"), (2, "READER")):
            form = page.locator("section form.fields").nth(number)
            form.get_by_label("Who").fill(account)
            form.get_by_label("Role").select_option(role)
            form.get_by_role("button", name="Grant").click()
        assert page.locator("#account .state").all_inner_texts() == ["yes", "no", "yes", "yes"]
        pages.open(f"/iam/{granted}?name=a.txt")
        page.get_by_label("Who").fill(account)
        page.get_by_role("button", name="Grant").click()
        page.get_by_role("row", name=f"user-{account}").wait_for()
        page.get_by_role("link", name=granted).click()
        assert page.locator("#account .state").all_inner_texts() == ["yes"] * 4
    finally:
        pages.open("/iam")
        page.get_by_label("Who").fill(f"serviceAccount:{account}")
        page.get_by_role("combobox", name="Role").select_option("roles/ml.serviceAgent")
        page.get_by_role("button", name="Grant").click()
    agent.wait_for()


def test_a_role_of_a_buckets_policy_is_granted_and_taken_away(pages: Pages, granted: str) -> None:
    page = pages.page
    pages.open(f"/iam/{granted}")
    form = page.locator("#list-policy ~ form")
    form.get_by_label("Who").fill("user:ana@example.com")
    form.get_by_label("Role").select_option("roles/storage.objectViewer")
    form.get_by_role("button", name="Grant").click()
    row = page.get_by_role("row", name="user:ana@example.com")
    assert "roles/storage.objectViewer" in row.inner_text()
    row.get_by_role("button", name="Remove").click()
    row.wait_for(state="detached")


def test_a_change_elsewhere_is_seen(pages: Pages, cloud: BackgroundCloud, granted: str) -> None:
    pages.open("/iam")
    other = f"{granted}-2"
    cloud.run(cloud.backend.create_bucket(other))
    pages.page.get_by_role("row", name=other).wait_for()
    cloud.run(cloud.backend.delete_bucket(other))
    pages.page.get_by_role("row", name=other).wait_for(state="detached")


@pytest.mark.parametrize("grantee", ["nobody", HOSTILE, "user:robot@x.iam.gserviceaccount.com", "allUsers"])
def test_who_cannot_be_granted_a_role_on_the_project_is_named(pages: Pages, grantee: str) -> None:
    pages.open("/iam")
    pages.page.get_by_label("Who").fill(grantee)
    pages.page.get_by_role("button", name="Grant").click()
    alert = pages.page.get_by_role("alert").inner_text()
    assert grantee.partition(":")[2][:20] in alert or grantee[:20] in alert
    assert pages.page.get_by_role("row").count() > 3, "the page is still there"


def test_the_owner_stays(pages: Pages, granted: str) -> None:
    pages.open("/iam")
    pages.page.get_by_role("row", name="you, the owner").get_by_role("button").click()
    assert "must keep roles/owner" in pages.page.get_by_role("alert").inner_text()
    pages.open(f"/iam/{granted}")
    pages.page.get_by_role("row", name="project-owners").first.get_by_role("button").click()
    assert "required to have OWNER" in pages.page.get_by_role("alert").inner_text()
