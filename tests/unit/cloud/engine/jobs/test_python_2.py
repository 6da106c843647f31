import io
import pickle
import subprocess
import sys
import traceback
from pathlib import Path

import pytest

from cloud.engine.jobs.python_2 import explain, is_requested, link_modules
from cloud.names import GsUri
from cloud.resources import Service, TrainingSpec


@pytest.mark.parametrize(
    ("runtime", "python", "service", "expected"),
    [
        ("1.15", "2.7", Service.ML_ENGINE, True),
        ("1.8", None, Service.ML_ENGINE, True),
        (None, "2.7", Service.ML_ENGINE, True),
        ("1.15", "3.7", Service.ML_ENGINE, False),
        ("2.1", None, Service.ML_ENGINE, False),
        (None, None, Service.ML_ENGINE, False),
        ("1.15", None, Service.VERTEX_AI, False),
    ],
)
def test_python_2_is_requested_by_name_or_by_an_old_runtime_version(runtime, python, service, expected):
    spec = TrainingSpec(
        "1" if service is Service.VERTEX_AI else "one",
        (GsUri("bucket", "a.whl"),),
        "trainer.task",
        service=service,
        runtime_version=runtime,
        python_version=python,
    )
    assert is_requested(spec) is expected


def test_a_package_imports_its_modules_by_their_bare_names_and_nothing_of_python_or_of_others_is_hidden(tmp_path: Path):
    package, site = tmp_path / "package", tmp_path / "site"
    (package / "trainer").mkdir(parents=True)
    (site / "numpy").mkdir(parents=True)
    (site / "numpy" / "__init__.py").write_text("NAME = 'the real one'\n")
    for name in ("model", "logging", "numpy", "trainer"):
        (package / "trainer" / f"{name}.py").write_text(f"NAME = 'ours: {name}'\n")
    (package / "trainer" / "__init__.py").write_text("")
    (package / "trainer" / "data.txt").write_text("data")
    (package / "trainer" / "task.py").write_text(
        "import logging, os\nimport model, numpy\n"
        "print(model.NAME, numpy.NAME, hasattr(logging, 'getLogger'),"
        " open(os.path.join(os.path.dirname(model.__file__), 'data.txt')).read())\n"
    )
    links = link_modules("trainer.task", [package], [site], tmp_path / "links")
    assert links == tmp_path / "links"
    path = f"{package}:{links}:{site}"
    command = [sys.executable, "-P", "-m", "trainer.task"]
    output = subprocess.run(command, env={"PYTHONPATH": path}, check=True, capture_output=True, text=True).stdout
    assert output == "ours: model the real one True data\n"


@pytest.mark.parametrize("module", ["task", "other.task"])
def test_a_module_of_no_package_has_no_links(tmp_path: Path, module: str):
    (tmp_path / "trainer").mkdir()
    assert link_modules(module, [tmp_path], [], tmp_path / "links") is None


@pytest.mark.parametrize(
    "line",
    [
        "SyntaxError: Missing parentheses in call to 'print'. Did you mean print(...)?",
        "TabError: inconsistent use of tabs and spaces in indentation",
        "ModuleNotFoundError: No module named 'urllib2'",
        "NameError: name 'xrange' is not defined",
        "AttributeError: 'dict' object has no attribute 'iteritems'",
    ],
)
def test_a_failure_of_python_2s_code_is_told(line):
    message = f"The replica master 0 exited with a non-zero status of 1. \nTraceback (most recent call last):\n{line}"
    assert explain(message, (3, 11)) == "The job asks for Python 2.7, ran in 3.11: port it to Python 3."


@pytest.mark.parametrize(
    "code",
    [
        lambda: pickle.load(io.StringIO("text")),  # noqa: S301
        lambda: io.TextIOWrapper(io.BytesIO()).write(b"bytes"),
        lambda: b"bytes" + "text",
        lambda: "text" + b"bytes",
        lambda: {}.keys()[0],
        lambda: map(str, [])[0],
        lambda: len(filter(None, [])),
    ],
)
def test_what_differs_between_the_languages_is_told(code):
    with pytest.raises(TypeError) as caught:
        code()
    assert explain("".join(traceback.format_exception(caught.value)), (3, 11)).endswith("port it to Python 3.")


@pytest.mark.parametrize(
    "line",
    ["ModuleNotFoundError: No module named 'lightgbm'", "ValueError: SyntaxError: no", "TypeError: unhashable type"],
)
def test_other_failures_need_no_word(line):
    assert explain(line, (3, 11)) == ""
