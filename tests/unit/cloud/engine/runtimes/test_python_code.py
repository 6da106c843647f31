import subprocess
import sys
from pathlib import Path

from cloud.engine.runtimes import python_code


def test_code_runs_as_python_runs_it(tmp_path: Path) -> None:
    code = "import pickle, sys\nclass A: pass\nprint(sys.argv, type(pickle.loads(pickle.dumps(A()))) is A)\nsys.exit(3)"
    folder = python_code.write(tmp_path / "code")
    ours, pythons = (
        subprocess.run([sys.executable, *how, code, "a", "-b"], cwd=folder, capture_output=True, text=True, check=False)
        for how in (("-m", python_code.MODULE), ("-c",))
    )

    assert (ours.stdout, ours.returncode) == (pythons.stdout, pythons.returncode) == ("['-c', 'a', '-b'] True\n", 3)
