"""``lab/build.py``, and the notebooks that it made."""

import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
PIXEL = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"/>'
SOURCE = """\
# %% [markdown] lang="en"
# # Fares
# ![a map](pictures/map.svg)

# %% [markdown] lang="es"
# # Tarifas

# %%
import os

# %% tags=["solution"]
# %%bash
set -e
# → List the bucket
gsutil ls gs://$BUCKET

# %% tags=["solution"]
# !gcloud config list
"""


@pytest.fixture(scope="module")
def build() -> ModuleType:
    spec = importlib.util.spec_from_file_location("lab_build", ROOT / "lab" / "build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def sources(folder: Path, text: str = SOURCE) -> Path:
    (folder / "pictures").mkdir()
    (folder / "pictures" / "map.svg").write_text(PIXEL)
    (folder / "01_fares.py").write_text(text)
    return folder


def notebooks_of(build: ModuleType, folder: Path) -> dict[str, Any]:
    made = build.notebooks(sources(folder))
    return {str(path): json.loads(text) for path, text in made if path.suffix == ".ipynb"}


def test_the_notebooks_are_what_their_sources_make(build: ModuleType) -> None:
    made = {str(path): text for path, text in build.notebooks()}
    found = {
        str(path.relative_to(build.HERE)): path.read_text(encoding="utf-8")
        for language in build.LANGUAGES
        for path in (build.HERE / language).rglob("*")
        if path.suffix in (".ipynb", ".svg")
    }
    assert found.keys() == made.keys(), "python lab/build.py"
    assert [path for path in made if made[path] != found[path]] == [], "python lab/build.py"


def test_each_language_has_its_text_and_the_same_code(build: ModuleType, tmp_path: Path) -> None:
    made = notebooks_of(build, tmp_path)
    assert sorted(made) == [
        f"{language}/{form}01_fares.ipynb" for language in ("en", "es") for form in ("", "solutions/")
    ]
    english, spanish = made["en/solutions/01_fares.ipynb"]["cells"], made["es/solutions/01_fares.ipynb"]["cells"]
    assert [english[0]["source"][0], spanish[0]["source"]] == ["# Fares\n", ["# Tarifas"]]
    assert english[1:] == spanish[1:]
    assert english[2]["source"] == ["%%bash\n", "set -e\n", "# → List the bucket\n", "gsutil ls gs://$BUCKET"]


def test_the_learners_form_keeps_magic_and_hints(build: ModuleType, tmp_path: Path) -> None:
    made = notebooks_of(build, tmp_path)
    cells = made["en/01_fares.ipynb"]["cells"]
    assert [cell["source"] for cell in cells[1:]] == [
        ["import os"],
        ["%%bash\n", "set -e\n", "# → List the bucket"],
        [],
    ]
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in cells[1:])


def test_a_picture_is_beside_the_notebooks_of_its_language(build: ModuleType, tmp_path: Path) -> None:
    made = {str(path): text for path, text in build.notebooks(sources(tmp_path))}
    assert made["en/pictures/map.svg"] == PIXEL
    assert "es/pictures/map.svg" not in made
    english = [name for name in made if name.startswith("en/") and name.endswith(".ipynb")]
    shown = {name: json.loads(made[name])["cells"][0]["source"][-1] for name in english}
    assert shown == {
        "en/01_fares.ipynb": "![a map](pictures/map.svg)",
        "en/solutions/01_fares.ipynb": "![a map](../pictures/map.svg)",
    }


def test_two_builds_are_equal_and_ids_are_unique(build: ModuleType, tmp_path: Path) -> None:
    sources(tmp_path, SOURCE + "\n# %%\nimport os\n")
    first, second = dict(build.notebooks(tmp_path)), dict(build.notebooks(tmp_path))
    assert first == second
    for text in [text for path, text in first.items() if path.suffix == ".ipynb"]:
        ids = [cell["id"] for cell in json.loads(text)["cells"]]
        assert len(ids) == len(set(ids))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("# %% [markdown]\n# no language\n", "needs lang="),
        ('# %% [markdown] lang="en"\n# ![x](pictures/no.svg)\n', "no.svg"),
    ],
)
def test_a_source_that_is_wrong_is_refused(build: ModuleType, tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        dict(build.notebooks(sources(tmp_path, text)))
