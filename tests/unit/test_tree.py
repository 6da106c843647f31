"""Rules of the tree that no other tool checks."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULES = sorted(path for part in ("cloud", "trainer", "tests", "benchmarks") for path in (ROOT / part).rglob("*.py"))
BANNED = {"utils", "util", "common", "helpers", "helper", "manager", "misc"}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_has_one_responsibility_and_a_name_for_it(path: Path) -> None:
    assert path.stem not in BANNED
    assert len(path.read_text().splitlines()) <= 400


def test_nothing_overrides_or_skips_the_contract() -> None:
    contract = {
        definition.name
        for path in (ROOT / "cloud" / "testing" / "contract").glob("*.py")
        for definition in ast.walk(ast.parse(path.read_text()))
        if isinstance(definition, ast.FunctionDef | ast.AsyncFunctionDef) and definition.name.startswith("test_")
    }
    assert len(contract) >= 60
    modules = [
        path.read_text() for folder in ("integration", "google") for path in (ROOT / "tests" / folder).glob("*.py")
    ]
    keeping = [source for source in modules if "from cloud.testing.contract import" in source]
    assert len(keeping) >= 4
    for source in keeping:
        assert "skip" not in source
        assert "xfail" not in source
        redefined = {node.name for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef)} | {
            node.name for node in ast.walk(ast.parse(source)) if isinstance(node, ast.AsyncFunctionDef)
        }
        assert not redefined & contract
