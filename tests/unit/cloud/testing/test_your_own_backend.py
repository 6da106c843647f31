"""The contract outside this project: the examples of docs/your-own-backend.md work, and failures are explained."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[4]
PAGE = ROOT / "docs" / "your-own-backend.md"


@pytest.fixture
def examples(tmp_path: Path) -> Path:
    """A folder with the page's modules."""
    for name, source in re.findall(r"```python\n# (\w+\.py)\n(.*?)```", PAGE.read_text(), re.DOTALL):
        (tmp_path / name).write_text(source)
    return tmp_path


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env={"PYTHONPATH": f"{ROOT}:{folder}", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=100,
    )


def contract(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return run(folder, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_folder_backend.py", *options)


def test_the_pages_backend_passes_the_contract(examples: Path) -> None:
    done = contract(examples)
    assert done.returncode == 0, done.stdout
    assert int(re.search(r"(\d+) passed", done.stdout)[1]) >= 60
    assert "skipped" not in done.stdout


def test_a_backend_that_violates_the_contract_fails_with_an_explanation(examples: Path) -> None:
    module = examples / "folder_backend.py"
    module.write_text(module.read_text().replace(".read_bytes()", ".read_bytes()[1:]"))
    done = contract(examples, "-k", "test_an_object_is_read_as_it_was_written")
    assert done.returncode == 1
    # Not the bare "AssertionError" of an assert that pytest did not rewrite.
    assert "At index 0 diff" in done.stdout


def test_an_ability_without_its_tests_is_found(examples: Path) -> None:
    module = examples / "folder_backend.py"
    module.write_text(
        module.read_text().replace(
            '    name = "folder"\n',
            '    name = "folder"\n    abilities = replace(MemoryBackend.abilities, enforces_grants=True)\n',
        )
    )
    module.write_text("from dataclasses import replace\n" + module.read_text())
    done = contract(examples, "-k", "test_the_tests_match_the_abilities")
    assert done.returncode == 1
    assert "enforces_grants" in done.stdout


def test_the_pages_client_gets_a_response(examples: Path) -> None:
    done = run(examples, "client_example.py")
    assert done.stdout == "200 projects/my-project/models/taxifare\n", done.stderr


@pytest.mark.parametrize("missing", ["pytest", "pytest_asyncio"])
def test_the_error_names_what_has_to_be_installed(tmp_path: Path, missing: str) -> None:
    done = run(tmp_path, "-c", f"import sys; sys.modules[{missing!r}] = None; import cloud.testing.contract")
    assert f"needs {missing}: pip install 'offline-ml-cloud[testing]'" in done.stderr


def test_the_client_needs_no_pytest(tmp_path: Path) -> None:
    done = run(tmp_path, "-c", "import sys; import cloud.testing.client; print('pytest' in sys.modules)")
    assert done.stdout == "False\n", done.stderr
