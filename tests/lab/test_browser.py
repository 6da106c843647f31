"""The lab in a real browser: from the command to the first chapter's first cell."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from lab.labs import RunningLab, running_lab
from security.browser import chromium

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

TIMEOUT = 60_000
pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningLab]:
    with running_lab(tmp_path_factory.mktemp("lab"), "--lang", "es") as lab:
        yield lab
        _, said = lab.end()
        assert "refused:" not in said, "JupyterLab asked another host"


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def page(browser: "Browser", lab: RunningLab) -> Iterator["Page"]:
    """The page of the printed address. It asks no other host."""
    page = browser.new_page(locale="en-US")
    hosts = set[str]()
    page.on("request", lambda request: hosts.add(request.url.split("/")[2] if "//" in request.url else ""))
    page.goto(lab.address)
    page.locator(".jp-NotebookPanel:visible").wait_for(timeout=TIMEOUT)
    yield page
    assert hosts <= {lab.url.removeprefix("http://"), ""}
    page.close()


def test_from_the_address_to_a_cell_that_runs_in_the_cloud(page: "Page") -> None:
    notebook = page.locator(".jp-NotebookPanel:visible")
    assert notebook.locator("h1").first.inner_text().strip("¶ ")
    menu = page.locator(".lm-MenuBar-itemLabel").all_inner_texts()
    assert {"Archivo", "Editar"} <= {text.strip() for text in menu}
    page.wait_for_function(  # the picture of the first cell
        "[...document.querySelectorAll('.jp-NotebookPanel img')].some(picture => picture.naturalWidth > 100)",
        timeout=TIMEOUT,
    )
    run(page, "import os\n!gcloud config get-value project; echo $PWD", r"local-project\s.*/es\s*$")
    # Neither JupyterLab's news nor a question greets the learner.
    assert page.locator(".jp-Dialog, .Toastify__toast").all_inner_texts() == []
    assert page.locator("[data-id='extensionmanager.main-view']").count() == 0
    page.locator("[data-command='notebook:restart-kernel']").first.click()
    page.locator(".jp-Dialog .jp-mod-accept").click()
    run(page, "print('os' in dir())\n!gcloud config get-value project", r"False\s+.*local-project\s*$")


def run(page: "Page", code: str, output: str) -> None:
    """Type ``code`` into the first cell, run it, and wait for ``output``."""
    notebook = page.locator(".jp-NotebookPanel:visible")
    page.locator(".jp-Notebook-ExecutionIndicator[data-status=idle]").wait_for(timeout=TIMEOUT)
    notebook.locator(".jp-CodeCell .cm-content").first.click()
    page.keyboard.press("Control+a")
    page.keyboard.type(code)
    page.keyboard.press("Control+Enter")
    text = re.compile(output, re.DOTALL)
    notebook.locator(".jp-OutputArea").first.get_by_text(text).first.wait_for(timeout=TIMEOUT)
