"""The distributed chapters, and a learner's copies."""

from pathlib import Path

import pytest

from cloud.lab import notebooks
from cloud.lab.checks import CHECKS


@pytest.mark.parametrize("language", notebooks.LANGUAGES)
def test_a_learner_gets_both_forms_and_keeps_his_work(tmp_path: Path, language: str) -> None:
    first = notebooks.names(language)[0]
    made = notebooks.copy_missing(language, tmp_path)
    assert [tmp_path / first, tmp_path / "solutions" / first] == [path for path in made if path.name == first]
    (tmp_path / first).write_text("my work")
    (tmp_path / "solutions" / first).unlink()
    assert notebooks.copy_missing(language, tmp_path) == [tmp_path / "solutions" / first]
    assert (tmp_path / first).read_text() == "my work"


def test_both_languages_have_the_same_chapters() -> None:
    assert notebooks.names("en") == notebooks.names("es")
    assert notebooks.names("en")[0].startswith("01_")


@pytest.mark.parametrize("language", notebooks.LANGUAGES)
def test_every_check_is_in_a_chapter_in_the_order_of_the_lab(language: str) -> None:
    chapters = notebooks.outline(language)
    assert [check for chapter in chapters for check in chapter.checks] == list(CHECKS)
    assert [chapter.title.partition(".")[0] for chapter in chapters] == [str(n + 1) for n in range(len(chapters))]


@pytest.mark.parametrize(
    ("environ", "language"),
    [
        ({}, "en"),
        ({"LANG": "C.UTF-8"}, "en"),
        ({"LANG": "es_ES.UTF-8"}, "es"),
        ({"LANG": "en_US.UTF-8", "LC_MESSAGES": "es_MX.UTF-8"}, "es"),
        ({"LANG": "es_ES.UTF-8", "LC_ALL": "C"}, "en"),
        ({"LANG": "de_DE.UTF-8"}, "en"),
    ],
)
def test_the_language_is_that_of_the_users_locale(environ: dict[str, str], language: str) -> None:
    assert notebooks.language_of(environ) == language
