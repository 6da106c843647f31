"""The request inspector, as requests come."""

import urllib.parse
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from console.pages import HOSTILE, Pages, ask

from cloud.server.thread import BackgroundCloud

if TYPE_CHECKING:
    from playwright.sync_api import Route

LIST = "command/gcloud.storage.buckets.list invocation-id/{}"


@pytest.fixture
def agent(request: pytest.FixtureRequest) -> Iterator[str]:
    """Of a command of its own."""
    return LIST.format(request.node.name)


def test_requests_appear_by_themselves_under_their_command(pages: Pages, cloud: BackgroundCloud, agent: str) -> None:
    page = pages.page
    with page.expect_response("**/requests/events*"):
        page.goto(pages.url("/requests"))
    for _ in range(2):
        ask(cloud, "/storage/v1/b?project=local-project", agent)
    group = page.locator("section.calls").first
    group.get_by_role("row").nth(2).wait_for()
    assert group.get_by_role("heading").inner_text().startswith("gcloud storage buckets list")
    assert group.get_by_role("link").all_inner_texts() == ["storage.buckets.list"] * 2
    page.reload()
    assert page.locator("section.calls").first.get_by_role("link").all_inner_texts() == ["storage.buckets.list"] * 2


def test_one_that_comes_before_the_stream_is_open_appears(pages: Pages, cloud: BackgroundCloud, agent: str) -> None:
    streams: list[Route] = []
    pages.page.route("**/requests/events*", lambda route: streams.append(route))
    pages.open("/requests?contains=before-the-stream")
    while not streams:
        pages.page.wait_for_timeout(10)
    ask(cloud, "/storage/v1/b?project=local-project&prefix=before-the-stream", agent)
    streams[0].continue_()
    pages.page.get_by_role("link", name="storage.buckets.list").wait_for()


def test_one_is_opened_and_says_why_it_was_refused(pages: Pages, cloud: BackgroundCloud, agent: str) -> None:
    page = pages.page
    hostile = urllib.parse.quote(HOSTILE, safe="")
    assert ask(cloud, f"/v1/projects/local-project/jobs/{hostile}", agent + HOSTILE, "ml.googleapis.com") == 404
    page.goto(pages.url(f"/requests?show=refused&contains={urllib.parse.quote('ml.projects.jobs.get')}"))
    page.get_by_role("link", name="ml.projects.jobs.get").first.press("Enter")
    page.get_by_role("heading", name="Why it was refused").wait_for()
    assert "404" in page.locator("main").inner_text()
    assert "ml.googleapis.com/v1/projects/local-project/jobs/" in page.locator("div.command").last.inner_text()


def test_another_console_leaves_this_one_its_requests(pages: Pages, cloud: BackgroundCloud, agent: str) -> None:
    other = cloud.start_console()
    ask(cloud, "/storage/v1/b?project=local-project&prefix=two-consoles", agent)
    pages.open("/requests?contains=two-consoles")
    assert pages.page.get_by_role("link", name="storage.buckets.list").count() == 1
    cloud.run(other.close())


def test_one_that_is_not_kept_is_said_to_be(pages: Pages) -> None:
    answer = pages.page.goto(pages.url("/requests/999999"))
    assert answer is not None
    assert answer.status == 404
    assert "is not kept any more" in pages.page.locator("main").inner_text()
