"""The documentation's tables match the code."""

import configparser
import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).parents[2]


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "docs" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def test_the_tables_of_methods_are_those_of_the_routes() -> None:
    tables = load("methods_table")
    page = (ROOT / "docs" / "fidelity.md").read_text()
    assert "`projects.jobs.create`" in page
    assert tables.rewritten(page) == page, "run: python docs/methods_table.py"


def test_every_method_of_googles_is_in_the_tables_and_no_other() -> None:
    tables = load("methods_table")
    for api in tables.apis():
        assert api.served | api.refused | api.missing == tables.google(api.document)
        assert not api.served & api.refused
    ml, *_, vertex = tables.apis()
    assert ml.missing
    assert all(".studies." in name for name in ml.missing)
    assert vertex.missing
    assert not any(
        ".customJobs." in name for name in vertex.missing if name.startswith("aiplatform.projects.locations")
    )


def test_the_state_diagrams_match_the_lifecycle() -> None:
    diagrams = load("state_diagrams")
    page = (ROOT / "docs" / "architecture.md").read_text()
    assert "QUEUED --> PREPARING" in page
    assert diagrams.redrawn(page) == page, "run: python docs/state_diagrams.py"


def test_the_table_of_rooms_has_every_folder() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text()
    rooms = page.partition("\n## The rooms\n")[2].partition("\n## ")[0]
    named = {name for row in rooms.splitlines() for name in re.findall(r"`(cloud/[^`]*)/`", row.split(" | ")[0])}
    folders = {
        str(init.parent.relative_to(ROOT))
        for pattern in ("*", "*/*")
        for init in (ROOT / "cloud").glob(f"{pattern}/*.py")
    }
    assert named == folders


def test_the_files_that_the_architecture_names_exist() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text()
    named = set(re.findall(r"`((?:cloud/)?\w+/[\w/]+\.py)`", page))
    assert named
    for name in named:
        places = [ROOT / name, ROOT / "cloud" / name, ROOT / "cloud" / "emulator" / name]
        assert any(path.is_file() for path in places), name


def test_the_layers_are_those_that_are_checked() -> None:
    page = (
        (ROOT / "docs" / "architecture.md").read_text().partition("\n## The layers\n")[2].partition("\nMore rules")[0]
    )
    contracts = configparser.ConfigParser()
    contracts.read(ROOT / ".importlinter")
    layers = contracts["importlinter:contract:layers"]["layers"].split()
    assert re.findall(r"`(\w+)`", page.partition("1. ")[2]) == [layer for layer in layers if layer not in ("|", ":")]
