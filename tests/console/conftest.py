"""One cloud with its console, and one Chromium, for all tests of this folder."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from console.pages import HOSTILE, Pages

from cloud.names import GsUri
from cloud.server.thread import BackgroundCloud
from cloud.settings import LauncherKind, Settings
from cloud.testing.contract.base import TIMEOUT, Contract
from security.browser import chromium

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

    from cloud.console.server import ConsoleServer


@pytest.fixture(scope="session")
def cloud() -> Iterator[BackgroundCloud]:
    with BackgroundCloud(Settings(launcher=LauncherKind.COLD, cancel_grace_seconds=0.5)) as cloud:
        yield cloud


@pytest.fixture(scope="session")
def console(cloud: BackgroundCloud) -> "ConsoleServer":
    return cloud.start_console()


@pytest.fixture(scope="session")
def browser() -> Iterator["Browser"]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def context(browser: "Browser") -> Iterator["BrowserContext"]:
    context = browser.new_context(locale="en-US")
    context.set_default_timeout(TIMEOUT * 1000)
    yield context
    context.close()


@pytest.fixture
def page(context: "BrowserContext", console: "ConsoleServer") -> Iterator["Page"]:
    """Logged in. No script of a stranger runs in it, nothing comes from another host, and no script of ours fails."""
    page = context.new_page()
    hosts, dialogs, errors = set[str](), list[str](), list[str]()
    page.on("request", lambda request: hosts.add(request.url.split("/")[2]))
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.accept()))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda told: errors.append(told.text) if "Content Security Policy" in told.text else None)
    page.goto(console.address())
    yield page
    assert hosts == {f"127.0.0.1:{console.port}"}
    assert [text for text in dialogs if text in ("1", "2")] == []
    assert errors == []


@pytest.fixture
def pages(page: "Page", console: "ConsoleServer") -> Pages:
    return Pages(page, console.port)


@pytest.fixture(scope="session")
def bucket(cloud: BackgroundCloud) -> str:
    """With grants for jobs, and a few objects, among them some of strangers."""
    name = cloud.run(Contract().open_bucket(cloud.backend))
    for path in (f"data/{HOSTILE.replace('/', '')}.html", "data/below/a.csv"):
        cloud.run(cloud.backend.write_object(GsUri(name, path), f"{HOSTILE}\n".encode(), content_type="text/html"))
    return name
