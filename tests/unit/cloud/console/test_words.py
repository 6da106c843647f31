"""Every text of the pages is there in both languages."""

import re
from pathlib import Path

import pytest

from cloud.console import rendering, words
from cloud.console.words import preferred, translator

TEMPLATES = sorted((Path(rendering.__file__).parent / "templates").rglob("*.html"))
TEXT = re.compile(r"""_\((["'])(.*?)\1\)""")


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_a_templates_texts_are_translated(template: Path) -> None:
    missing = [text for _, text in TEXT.findall(template.read_text()) if text not in words._SPANISH]
    assert missing == []


def test_no_translation_is_left_over() -> None:
    used = {text for template in TEMPLATES for _, text in TEXT.findall(template.read_text())}
    used |= {
        "Training",
        "Hyperparameter tuning",
        "Batch prediction",
        "Jobs",
        "Models",
        "Storage",
        "Access",
        "you, the owner",
        "ML Engine's service account",
        "Vertex AI's service agent",
        "Vertex AI's agent for custom code",
        "the default service account",
        "Not found",
        "Refused",
    }
    assert set(words._SPANISH) - used == set()


def test_placeholders_are_kept() -> None:
    for english, spanish in words._SPANISH.items():
        assert english.count("%d") == spanish.count("%d"), english


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "en"),
        ("es-ES,es;q=0.9,en;q=0.8", "es"),
        ("de,en;q=0.7,es;q=0.3", "en"),
        ("fr;q=1, es;q=0.2", "es"),
        ("es;q=0, en;q=0.1", "en"),
        (";q=,,;q=x", "en"),
    ],
)
def test_the_browsers_language_is_chosen(header: str, language: str) -> None:
    assert preferred(header) == language


def test_what_has_no_translation_stays() -> None:
    assert translator("es")("Jobs") == "Trabajos"
    assert translator("es")("v1") == "v1"
    assert translator("en")("Jobs") == "Jobs"
