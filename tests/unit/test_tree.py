"""Rules for source files that no other tool checks."""

import ast
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULES = sorted(path for part in ("cloud", "trainer", "tests", "benchmarks") for path in (ROOT / part).rglob("*.py"))
ELSEWHERE = ROOT / "tests" / "unit" / "tested_elsewhere.txt"
BANNED = {"utils", "util", "common", "helpers", "helper", "manager", "misc"}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_has_one_responsibility_and_a_name_for_it(path: Path) -> None:
    assert path.stem not in BANNED
    assert len(path.read_text().splitlines()) <= 400


def test_no_backend_overrides_or_skips_tests_of_the_contract() -> None:
    contract = {
        definition.name
        for path in (ROOT / "cloud" / "testing" / "contract").glob("*.py")
        for definition in ast.walk(ast.parse(path.read_text()))
        if isinstance(definition, ast.FunctionDef | ast.AsyncFunctionDef) and definition.name.startswith("test_")
    }
    assert len(contract) >= 60
    sources = [
        source
        for path in (ROOT / "tests").rglob("test_*.py")
        if re.search(r"^class Test\w+\([\w, ]*Contract\b", source := path.read_text(), re.MULTILINE)
    ]
    assert len(sources) >= 5
    for source in sources:
        assert "skip" not in source
        assert "xfail" not in source
        redefined = {node.name for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef)} | {
            node.name for node in ast.walk(ast.parse(source)) if isinstance(node, ast.AsyncFunctionDef)
        }
        assert not redefined & contract


def test_every_module_has_a_test_module_or_a_line_in_tested_elsewhere() -> None:
    without = [path for path in shipped() if not own_tests(path).exists()]
    lines = dict(line.split(": ") for line in ELSEWHERE.read_text().splitlines() if line and not line.startswith("#"))
    assert list(lines) == sorted(lines)
    nowhere = [str(path) for path in without if not {str(path), f"{path.parent}/"} & set(lines)]
    assert nowhere == [], "write a test module, or a line in tests/unit/tested_elsewhere.txt"
    needed = {str(path) if str(path) in lines else f"{path.parent}/" for path in without}
    assert sorted(set(lines) - needed) == [], "these lines are not needed any more"
    targets = {target for line in lines.values() for target in line.split()}
    assert [target for target in sorted(targets) if not (ROOT / "tests" / target).is_file()] == []


def test_every_package_is_in_the_wheel() -> None:
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    found = [".".join(path.parent.relative_to(ROOT).parts) for path in (ROOT / "cloud").rglob("__init__.py")]
    notebooks = [f"cloud.lab.chapters.{name}{form}" for name in ("en", "es") for form in ("", ".solutions")]
    assert listed == sorted([*found, *notebooks, "cloud.sample.trainer"]), "tool.setuptools.packages of pyproject.toml"
    assert [str(path) for path in (ROOT / "cloud").rglob("*.py") if not (path.parent / "__init__.py").exists()] == []


def shipped() -> list[Path]:
    """The modules with code that are distributed, relative to the root."""
    found = [path for part in ("cloud", "trainer") for path in sorted((ROOT / part).rglob("*.py"))]
    return [path.relative_to(ROOT) for path in found if has_code(path)]


def own_tests(module: Path) -> Path:
    return ROOT / "tests" / "unit" / module.parent / f"test_{module.stem}.py"


def has_code(path: Path) -> bool:
    """Whether there is more than a docstring."""
    return any(not isinstance(node, ast.Expr) for node in ast.parse(path.read_text()).body)
