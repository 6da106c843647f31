"""The documentation says what the code does."""

import importlib.util
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_state_diagrams_are_those_of_the_tables() -> None:
    spec = importlib.util.spec_from_file_location("state_diagrams", ROOT / "docs" / "state_diagrams.py")
    assert spec is not None
    assert spec.loader is not None
    diagrams = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(diagrams)
    page = (ROOT / "docs" / "architecture.md").read_text()
    assert "QUEUED --> PREPARING" in page
    assert diagrams.redrawn(page) == page, "run: python docs/state_diagrams.py"
