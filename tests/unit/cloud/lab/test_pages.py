"""The console's page of the chapters."""

import asyncio
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from cloud.console.access import Access, sign
from cloud.console.app import Application
from cloud.console.rendering import LANGUAGE_COOKIE
from cloud.lab import pages
from cloud.lab.checks import Lab, Outcome
from cloud.lab.pages import ChapterPages


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The checks that were made, in threads: only the project's is done."""
    made: list[str] = []

    def look(name: str, lab: Lab) -> Outcome:
        with pytest.raises(RuntimeError):
            asyncio.get_running_loop()
        made.append(name)
        return Outcome(
            is_done=name == "project", english=f"<b>{name}</b> in {lab.folder}", spanish=f"{name} en español"
        )

    monkeypatch.setattr(pages, "look", look)
    return made


async def read(language: str, folder: Path) -> str:
    """The page, as the owner's browser gets it."""
    access, server = Access("key"), None

    def port() -> int:
        assert server is not None
        return int(server.port or 0)

    routes = ChapterPages({"STORAGE_EMULATOR_HOST": "http://127.0.0.1:1"}, folder).routes()
    app = Application(routes, access, port, lambda _: True, "a-project").application
    assert isinstance(app, web.Application)
    server = TestServer(app)
    async with TestClient(server) as client:
        cookie = access.redeem(sign("key"))
        headers = {"Cookie": f"{access.cookie_name(port())}={cookie}; {LANGUAGE_COOKIE}={language}"}
        async with client.get("/checks", headers=headers) as response:
            assert response.status == 200
            return await response.text()


async def test_it_says_what_is_done_and_what_is_not(looks: list[str], tmp_path: Path) -> None:
    text = await read("en", tmp_path)
    assert looks[:3] == ["project", "bucket", "grant"]
    assert f"1 of {len(looks)} steps are done." in text
    assert f"&lt;b&gt;bucket&lt;/b&gt; in {tmp_path}" in text
    assert 'aria-current="page">Chapters</a>' in text


async def test_it_speaks_the_readers_language(looks: list[str], tmp_path: Path) -> None:
    text = await read("es", tmp_path)
    assert f"Hay 1 de {len(looks)} pasos hechos." in text
    assert "bucket en español" in text
