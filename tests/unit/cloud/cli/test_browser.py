"""Opening the lab's address."""

import webbrowser
from pathlib import Path

import pytest

from cloud.cli import browser

ADDRESS = "http://127.0.0.1:8888/lab/tree/01.ipynb?token=abc&x=1"


class _Window(webbrowser.BaseBrowser):
    def __init__(self) -> None:
        super().__init__("window")
        self.opened: list[str] = []

    def open(self, url: str, new: int = 0, autoraise: bool = True) -> bool:
        self.opened.append(url)
        return True


def test_the_token_is_in_a_private_page_and_not_among_arguments(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    window = _Window()
    monkeypatch.setattr(webbrowser, "get", lambda: window)
    assert browser.open_address(ADDRESS, tmp_path)
    (opened,) = window.opened
    assert "abc" not in opened
    page = Path(opened.removeprefix("file://"))
    assert page.stat().st_mode & 0o777 == 0o600
    assert 'content="0;url=http://127.0.0.1:8888/lab/tree/01.ipynb?token=abc&amp;x=1"' in page.read_text()


def test_a_machine_without_a_browser(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def none() -> webbrowser.BaseBrowser:
        raise webbrowser.Error("could not locate runnable browser")

    monkeypatch.setattr(webbrowser, "get", none)
    assert not browser.open_address(ADDRESS, tmp_path)


def test_a_browser_in_the_terminal_is_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(webbrowser, "get", lambda: webbrowser.GenericBrowser("w3m"))
    assert not browser.open_address(ADDRESS, tmp_path)
