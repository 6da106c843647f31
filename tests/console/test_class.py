"""The teacher's page of a class of two, and a student's page, in a browser."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from console.pages import COLORS, serious_findings

from cloud.testing.contract.base import TIMEOUT
from integration.students import ClassProcess, classroom

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page


@pytest.fixture(scope="module")
def class_(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClassProcess]:
    folder = tmp_path_factory.mktemp("class")
    (folder / "names.txt").write_text("Ana <b>María</b>\nBen\n")
    with classroom(folder / "state", "--names", str(folder / "names.txt"), "--jobs", "1", "--lang", "es") as running:
        yield running


@pytest.fixture(scope="module")
def teacher(browser, class_: ClassProcess) -> "Iterator[BrowserContext]":  # type: ignore[no-untyped-def]
    """The address opens the page once: all tests share the cookie."""
    context = browser.new_context(locale="en-US")
    context.set_default_timeout(TIMEOUT * 1000)
    context.new_page().goto(class_.address)
    yield context
    context.close()


@pytest.fixture
def class_page(teacher: "BrowserContext") -> "Iterator[Page]":
    """Nothing comes from another host, and no script of ours fails."""
    page = teacher.new_page()
    hosts, errors = set[str](), list[str]()
    page.on("request", lambda request: hosts.add(request.url.split("/")[2]))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda told: errors.append(told.text) if "Content Security Policy" in told.text else None)
    page.goto(teacher.pages[0].url)
    yield page
    assert hosts == {teacher.pages[0].url.split("/")[2]}
    assert errors == []
    page.close()


def test_the_page_changes_by_itself(class_page: "Page", class_: ClassProcess) -> None:
    row = class_page.locator("tr", has_text="Ben")
    assert class_page.locator("th[scope=row]").first.inner_text() == "Ana <b>María</b>\nana-b-maria-b"
    row.get_by_text("project 0/20").wait_for()
    row.locator("summary").first.click()
    row.get_by_text("project: there is no PROJECT").wait_for()
    student = class_.student("student-ben")
    student.open()
    (student.folder / "es" / "names.env").write_text(
        f"PROJECT={student.project}\nBUCKET=homework\nREGION=us-central1\n"
    )
    student.submit("long", 3600)
    row.get_by_text("1 running").wait_for()
    row.get_by_text("package 3/20").wait_for()
    row.get_by_text("grant: done").wait_for()  # still open, and where the keyboard was
    assert class_page.evaluate("document.activeElement.innerText") == "package 3/20"
    marks = class_page.locator("tr", has_text="Ben").locator("td").all_inner_texts()
    assert [mark.split()[0] for mark in marks[1:4]] == ["✔", "·", "·"]
    assert class_page.locator("thead abbr").first.get_attribute("title")


@pytest.mark.parametrize(("scheme", "rules"), [("light", "{}"), ("dark", COLORS)])
def test_axe_finds_nothing_serious(class_page: "Page", scheme: str, rules: str) -> None:
    class_page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    class_page.locator("tr", has_text="Ben").locator("summary").first.click()
    found = serious_findings(class_page, rules)
    class_page.get_by_role("link", name="Addresses").click()
    assert found + serious_findings(class_page, rules) == []


def test_a_reset_by_keyboard_asks_first(class_page: "Page", class_: ClassProcess) -> None:
    row = class_page.locator("tr", has_text="Ben")
    row.locator("summary", has_text="Reset").focus()
    class_page.keyboard.press("Enter")
    class_page.keyboard.press("Tab")
    assert class_page.evaluate("document.activeElement.innerText") == "Yes, remove it"
    with class_page.expect_navigation():
        class_page.keyboard.press("Enter")
    row.get_by_text("0/20").wait_for()
    assert not class_.student("student-ben").has_bucket()


def test_the_language_is_the_readers_choice(class_page: "Page") -> None:
    class_page.get_by_role("button", name="Español").click()
    class_page.get_by_role("heading", name="Clase").wait_for()
    class_page.get_by_role("link", name="Direcciones").click()
    class_page.get_by_text("Solo para una clase de confianza.").wait_for()
    with class_page.expect_navigation():  # a page that is closed on its way to another may hang
        class_page.get_by_role("button", name="English").click()
    class_page.get_by_role("link", name="Addresses").wait_for()


def test_a_student_opens_his_console(class_page: "Page", browser) -> None:  # type: ignore[no-untyped-def]
    class_page.get_by_role("link", name="Addresses").click()
    address = class_page.locator("td a").first.get_attribute("href")
    context = browser.new_context(locale="en-US")
    page = context.new_page()
    page.goto(address)
    assert page.locator("h1").inner_text() == "Ana <b>María</b>"
    page.get_by_role("link", name="Abrir la consola").click()
    page.get_by_role("heading", name="ana-b-maria-b").wait_for()
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/", page.url)
    context.close()
