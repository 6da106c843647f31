"""The console's page of the chapters: what the learner has done, as the checks of his notebooks say it."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from cloud.console.rendering import language_of, page
from cloud.lab.checks import Lab, look
from cloud.lab.notebooks import Chapter, outline


@dataclass(frozen=True, slots=True)
class Row:
    """One check."""

    name: str
    is_done: bool
    text: str


class ChapterPages:
    """Args:
    environ: of the owner's programs.
    folder: the learner's.
    """

    def __init__(self, environ: Mapping[str, str], folder: Path) -> None:
        self._environ, self._folder = environ, folder

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/checks", self.checks)]

    async def checks(self, request: web.Request) -> web.Response:
        language = language_of(request)
        chapters = outline(language)
        # In a thread: checks are written for notebooks, and wait for this cloud's answers.
        rows = await asyncio.to_thread(self._rows, chapters, language)
        done = sum(row.is_done for of_chapter in rows.values() for row in of_chapter)
        return page(request, "checks.html", chapters=rows, done=done, count=sum(map(len, rows.values())))

    def _rows(self, chapters: list[Chapter], language: str) -> Mapping[str, list[Row]]:
        lab = Lab(self._environ, self._folder)  # it keeps what it has read
        return {chapter.title: [_row(name, lab, language) for name in chapter.checks] for chapter in chapters}


def _row(name: str, lab: Lab, language: str) -> Row:
    found = look(name, lab)
    return Row(name, found.is_done, found.spanish if language == "es" else found.english)
