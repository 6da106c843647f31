import json
import subprocess
import sys
import venv
from pathlib import Path

from cloud.engine.jobs import pip_environment
from cloud.engine.launch.command import Interpreter


def test_its_python_sees_the_runtimes_packages_after_its_own(tmp_path: Path) -> None:
    venv.create(tmp_path / "runtime", symlinks=True)
    interpreter = Interpreter(tmp_path / "runtime/bin/python3")
    made = pip_environment.create(tmp_path / "pip", interpreter, "/usr/bin")
    assert made is not None
    runtime = tmp_path / "runtime" / made.site.relative_to(tmp_path / "pip")
    (runtime / "of_runtime.py").touch()

    program = "import json, sys, of_runtime; print(json.dumps([sys.prefix, sys.path]))"
    ran = subprocess.run([made.environ["PIP_PYTHON"], "-I", "-c", program], stdout=subprocess.PIPE, check=True)
    prefix, path = json.loads(ran.stdout)

    assert prefix == str(tmp_path / "pip")
    assert path.index(str(made.site)) < path.index(str(runtime))
    assert made.environ["PATH"] == f"/usr/bin:{tmp_path}/pip/bin"


def test_a_python_that_is_no_virtual_environment_has_none(tmp_path: Path) -> None:
    assert pip_environment.create(tmp_path, Interpreter(Path(sys.base_prefix, "bin/python3")), "/usr/bin") is None
