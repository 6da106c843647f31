"""The list of Google's tests that are to fail: it fails where it is wrong."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PLUGIN = Path(__file__).parents[1] / "storage_suite" / "listed_failures.py"
TESTS = """
import pytest

def test_good(): pass

def test_bad(): assert False

@pytest.fixture
def broken(): raise OSError

@pytest.mark.parametrize("name", ["a/b", "c::d"])
def test_broken(broken, name): pass

def test_skipped(): pytest.skip("no account")
"""


@pytest.mark.parametrize(
    ("listed", "failing"),
    [
        (["test_x.py::test_bad", "test_x.py::test_broken", "test_x.py::test_skip*"], []),
        (["test_x.py::test_good"], ["test_bad", "test_broken[a/b]", "test_broken[c::d]", "test_good", "test_skipped"]),
    ],
)
def test_what_is_listed_must_fail_and_all_else_pass(tmp_path, listed, failing):
    shutil.copy(PLUGIN, tmp_path)
    (tmp_path / "out_of_scope.txt").write_text("[a feature]\n" + "\n".join(listed))
    (tmp_path / "test_x.py").write_text(TESTS)
    options = ("-p", "listed_failures", "-p", "no:cacheprovider", "-q", "-c", "/dev/null", "--rootdir", tmp_path)
    command = (sys.executable, "-m", "pytest", *options, "test_x.py")
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert sorted(re.findall(r"^(?:FAILED|ERROR) test_x\.py::(\S+)", done.stdout, re.MULTILINE)) == failing, done.stdout
    assert (done.returncode != 0) is bool(failing)
