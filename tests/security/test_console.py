"""Strangers at the console: other sites in the same browser, and programs without its cookie."""

import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from cloud.server.thread import BackgroundCloud
from cloud.settings import LauncherKind, Settings
from security.browser import EVIL, chromium, web_site

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

    from cloud.console.server import ConsoleServer


@pytest.fixture(scope="module")
def cloud() -> Iterator[BackgroundCloud]:
    with BackgroundCloud(Settings(launcher=LauncherKind.COLD, cancel_grace_seconds=0.5)) as cloud:
        yield cloud


@pytest.fixture(scope="module")
def console(cloud: BackgroundCloud) -> "ConsoleServer":
    return cloud.start_console()


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def context(browser: "Browser") -> Iterator["BrowserContext"]:
    context = browser.new_context(locale="en-US")
    yield context
    context.close()


@pytest.fixture
def page(context: "BrowserContext", console: "ConsoleServer") -> "Page":
    """Logged in."""
    page = context.new_page()
    page.goto(console.address())
    return page


def url(console: "ConsoleServer", path: str) -> str:
    return f"http://127.0.0.1:{console.port}{path}"


def test_the_first_page_has_no_token_in_its_address(page: "Page", console: "ConsoleServer") -> None:
    assert page.url == url(console, "/")
    assert page.locator("h1").inner_text() == "local-project"


def status(console: "ConsoleServer", path: str, method: str = "GET", **headers: str) -> int:
    request = urllib.request.Request(url(console, path), method=method, headers=headers)  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310
            return int(response.status)
    except urllib.error.HTTPError as error:
        return error.code


def cookie(context: "BrowserContext") -> str:
    return "; ".join(f"{each['name']}={each['value']}" for each in context.cookies())  # type: ignore[typeddict-item]


def test_strangers_are_refused(page: "Page", context: "BrowserContext", console: "ConsoleServer") -> None:
    given, port = cookie(context), console.port
    assert status(console, "/jobs", Cookie=given) == 200
    assert status(console, "/jobs") == 403
    assert status(console, "/jobs", Cookie=f"console_{port}=wrong") == 403
    assert status(console, "/jobs", Cookie=given, Host=f"localhost:{port}") == 403
    assert status(console, "/jobs", Cookie=given, Host=f"{EVIL}:{port}") == 403
    assert status(console, "/jobs", Cookie=given, Origin=f"http://{EVIL}") == 403
    assert status(console, "/storage", "POST", Cookie=given) == 403, "without the second secret"
    used = console.address().partition(str(port))[2]
    page.goto(url(console, used))
    assert status(console, used) == 403, "an address is used once"


def test_a_page_of_another_site_neither_reads_nor_changes(
    page: "Page", context: "BrowserContext", console: "ConsoleServer", cloud: BackgroundCloud
) -> None:
    with web_site() as port:
        other = context.new_page()
        other.goto(f"http://{EVIL}:{port}/")
        read = "address => fetch(address, {credentials: 'include'}).then(answer => answer.text(), () => 'refused')"
        assert other.evaluate(read, url(console, "/jobs")) == "refused"
        form = """address => new Promise(resolve => {
            const frame = document.createElement("iframe");
            frame.name = "target";
            frame.onload = () => resolve("done");
            document.body.append(frame);
            const form = document.createElement("form");
            Object.assign(form, {method: "post", action: address, target: "target"});
            form.innerHTML = '<input name="name" value="stolen-bucket">';
            document.body.append(form);
            form.submit();
        })"""
        other.evaluate(form, url(console, "/storage"))
        other.close()
    assert "stolen-bucket" not in [bucket.name for bucket in cloud.run(cloud.backend.list_buckets())]
