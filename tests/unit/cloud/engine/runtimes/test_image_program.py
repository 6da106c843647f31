import os
import subprocess
import sys
from pathlib import Path

import pytest

from cloud.engine.runtimes import image_program

SCRIPT = """
import pickle, sys
import beside
class A: pass
print(sys.argv, __file__, __name__, type(pickle.loads(pickle.dumps(A()))) is A, beside.NAME)
sys.exit(3)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "task.py").write_text(SCRIPT)
    (tmp_path / "app" / "beside.py").write_text("NAME = 'beside'")
    image_program.write(tmp_path / "program")
    return tmp_path


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environ = {
        "PYTHONPATH": str(folder / "program"),
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.defpath]),
    }
    command = [sys.executable, "-P", "-m", image_program.MODULE, *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, env=environ)


@pytest.mark.parametrize("python", [("python",), ("python3", "-u"), ("/usr/bin/python3.9", "-u", "-B")])
def test_a_file_runs_as_python_runs_it(folder: Path, python: tuple[str, ...]) -> None:
    ours = run(folder, *python, "app/task.py", "--lr=1", "-u")
    pythons = subprocess.run(
        [sys.executable, "app/task.py", "--lr=1", "-u"], cwd=folder, capture_output=True, text=True, check=False
    )
    expected = "['app/task.py', '--lr=1', '-u'] app/task.py __main__ True beside\n"
    assert pythons.stdout.replace(str(folder / "app/task.py"), "app/task.py") == expected
    assert (ours.stdout, ours.returncode) == (expected, 3)


def test_any_other_program_is_started(folder: Path) -> None:
    (folder / "run.sh").write_text("echo $0 $1; python app/task.py")
    ended = run(folder, "bash", "run.sh", "x")
    assert (ended.stdout.splitlines()[0], ended.returncode) == ("run.sh x", 3)
    assert run(folder, "python", "-c", "print(1)").stdout == "1\n"


def test_what_cannot_be_started(folder: Path) -> None:
    ended = run(folder, "nobody-has-this", "x")
    assert (ended.stderr, ended.returncode) == ("exec: nobody-has-this: No such file or directory\n", 127)
    ended = run(folder, "./app", "x")
    assert (ended.stderr, ended.returncode) == ("exec: ./app: Permission denied\n", 126)
    assert "can't open file" in run(folder, "python", "missing.py").stderr
