"""What holds on every page: it can be used with a keyboard and a screen reader, on any screen, in both languages."""

import importlib.resources
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from console.pages import COLORS, HOSTILE, Pages, ask, serious_findings

from cloud.names import GsUri
from cloud.resources import Job, VersionSpec
from cloud.server.thread import BackgroundCloud
from cloud.testing.contract.base import Contract

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

SPEAKS = f"""
import sys, time
print({HOSTILE!r}, "x" * 5000, "\\x1b[31mred", flush=True)
print("failed call to cuInit: UNKNOWN ERROR (303)", file=sys.stderr, flush=True)
time.sleep(3600)
"""


@pytest.fixture(scope="module")
def job(cloud: BackgroundCloud, bucket: str, tmp_path_factory: pytest.TempPathFactory) -> Job:
    return cloud.run(Contract().submit(cloud.backend, bucket, tmp_path_factory.mktemp("job"), SPEAKS))


@pytest.fixture(scope="module")
def addresses(cloud: BackgroundCloud, bucket: str, job: Job) -> list[str]:
    """Of all pages but TensorBoard's own, with something on each."""
    run, backend = cloud.run, cloud.backend
    run(backend.write_object(GsUri(bucket, "model/saved_model.pb"), b"none"))
    run(backend.create_model("broken", description=HOSTILE))
    run(backend.create_version(VersionSpec("broken", "v1", GsUri(bucket, "model"))))
    run(backend.wait_for_version("broken", "v1", timeout=60))
    assert ask(cloud, "/storage/v1/b/none", f"{HOSTILE} command/gcloud.storage.ls invocation-id/1") == 404
    return [
        "/",
        "/jobs",
        f"/jobs/{job.job_id}",
        "/models",
        "/models/broken",
        "/models/broken/versions/v1",
        "/storage",
        f"/storage/{bucket}/?prefix=data/",
        f"/storage/{bucket}/object?name=data/below/a.csv",
        "/iam",
        f"/iam/{bucket}",
        f"/iam/{bucket}?name=data/below/a.csv",
        "/requests?show=all",
        "/requests/1",
        "/jobs/none",
    ]


def login(pages: Pages, context: "BrowserContext") -> "Page":
    """A page of another context, with the cookie of this one."""
    context.add_cookies(pages.page.context.cookies())  # type: ignore[arg-type]
    return context.new_page()


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("scheme", "rules"), [("light", "{}"), ("dark", COLORS)])
def test_axe_finds_nothing_serious(
    pages: Pages, browser: "Browser", addresses: list[str], scheme: str, rules: str
) -> None:
    context = browser.new_context(color_scheme=scheme, locale="es-ES")  # type: ignore[arg-type]
    page, found = login(pages, context), []
    for path in addresses:
        page.goto(pages.url(path))
        found += serious_findings(page, rules)
    context.close()
    assert found == []


@pytest.mark.parametrize("width", [360, 1280])
def test_no_page_is_wider_than_the_screen(pages: Pages, browser: "Browser", addresses: list[str], width: int) -> None:
    context = browser.new_context(viewport={"width": width, "height": 800})
    page = login(pages, context)
    wide = []
    for path in addresses:
        page.goto(pages.url(path))
        if page.evaluate("document.documentElement.scrollWidth > window.innerWidth"):
            wide.append(path)
    context.close()
    assert wide == []


def test_the_language_is_the_readers_choice(pages: Pages, bucket: str) -> None:
    pages.open(f"/storage/{bucket}/?prefix=data/")
    pages.page.get_by_role("button", name="Español").click()
    pages.page.get_by_role("columnheader", name="Tamaño").wait_for()
    assert pages.page.url == pages.url(f"/storage/{bucket}/?prefix=data/")
    pages.open("/iam")
    assert pages.page.locator("html").get_attribute("lang") == "es"
    assert pages.page.locator("h1").inner_text() == "Acceso"


def tab_to(page: "Page", name: str) -> None:
    """Move the focus by the keyboard alone."""
    for _ in range(80):
        page.keyboard.press("Tab")
        focused = "(document.activeElement.getAttribute('aria-label') ?? document.activeElement.innerText ?? '').trim()"
        if page.evaluate(focused) == name:
            assert page.evaluate("document.activeElement.matches(':focus-visible')")
            return
    raise AssertionError(f"{name!r} is not reached")


def test_a_job_is_found_read_and_cancelled_by_keyboard(
    pages: Pages, cloud: BackgroundCloud, bucket: str, tmp_path: Path
) -> None:
    job, page = cloud.run(Contract().submit(cloud.backend, bucket, tmp_path, SPEAKS)), pages.page
    pages.open("/")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url("**/#content")
    pages.open("/")
    tab_to(page, "Jobs")
    page.keyboard.press("Enter")
    page.wait_for_url(pages.url("/jobs"))
    tab_to(page, job.job_id)
    page.keyboard.press("Enter")
    page.wait_for_url(pages.url(f"/jobs/{job.job_id}"))
    page.locator("#status", has_text="RUNNING").wait_for()
    page.locator("#log details").wait_for()
    tab_to(page, "Log")
    tab_to(page, "harmless messages of TensorFlow")
    page.keyboard.press("Enter")
    page.get_by_text("cuInit").wait_for()
    pages.open(f"/jobs/{job.job_id}")
    tab_to(page, "Cancel the job")
    page.keyboard.press("Enter")
    page.locator("#status", has_text="CANCELLED").wait_for()


def test_a_change_of_a_list_leaves_the_keyboard_where_it_was(
    pages: Pages, cloud: BackgroundCloud, bucket: str, job: Job, tmp_path: Path
) -> None:
    page = pages.page
    pages.open("/jobs")
    page.get_by_role("link", name=job.job_id).focus()
    other = cloud.run(Contract().submit(cloud.backend, bucket, tmp_path, "print('done')"))
    page.get_by_role("row", name=other.job_id).get_by_text("SUCCEEDED").wait_for()
    assert page.evaluate("document.activeElement.innerText") == job.job_id


def test_there_is_little_javascript_and_one_style_sheet() -> None:
    static = importlib.resources.files("cloud.console").joinpath("static")
    files = [Path(str(each)) for each in static.iterdir()]
    assert sum(len(each.read_text().splitlines()) for each in files if each.suffix == ".js") < 300
    assert [each.name for each in files if each.suffix == ".css"] == ["console.css"]
