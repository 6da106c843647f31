"""The process of a model, with a library that looks like scikit-learn: tests/runtimes has the real ones."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cloud.engine.serving.frameworks import model as module
from cloud.engine.serving.frameworks import model_process
from cloud.engine.serving.frameworks.model import FrameworkModel, Place
from cloud.errors import FailedPrecondition, PredictionFailed
from cloud.resources import Framework

LIBRARY = """
import os, warnings
__version__ = "9.1"

class Stump:
    def predict(self, instances, **options):
        if options:
            raise TypeError(f"predict() got an unexpected keyword argument {next(iter(options))!r}")
        if instances == ["die"]:
            os._exit(3)
        if instances == ["scalar"]:
            return 1.0
        print("printed by the model", flush=True)
        return [row[0] if row else float("nan") for row in instances]

class Old(Stump):
    def __setstate__(self, state):
        warnings.warn("Trying to unpickle estimator Old from version 0.1 when using version 9.1.")
        if state["broken"]:
            raise ValueError("node array from the pickle has an incompatible dtype:\\n- expected: x")
"""
STUMP = b"csklearn\nStump\n(t\x81."
OLD = b"csklearn\nOld\n(t\x81(dS'broken'\nI0%d\nsb."
"""The pickle of an ``Old``, broken or not."""


@pytest.fixture
def place(tmp_path: Path) -> Place:
    (tmp_path / "site" / "sklearn").mkdir(parents=True)
    (tmp_path / "site" / "sklearn" / "__init__.py").write_text(LIBRARY)
    return Place(Path(sys.executable), (tmp_path / "site",))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "model").mkdir()
    return tmp_path / "model"


def load(place: Place, folder: Path, content: bytes, notes: list[str] | None = None) -> FrameworkModel:
    (folder / "model.pkl").write_bytes(content)
    return FrameworkModel(Framework.SCIKIT_LEARN, folder, place, (notes if notes is not None else []).append)


def test_it_predicts_in_a_process_of_its_own(place, folder, capfd):
    model = load(place, folder, STUMP)
    assert model.description.startswith("scikit-learn 9.1, Python 3.")
    assert model.run("", [[1.5], ["Zoë"], [True]], 3) == [1.5, "Zoë", True]
    assert model.run("", [[]], 1) == ["NaN"]
    refusals = {
        '{"a": 1}': "Exception during sklearn prediction: predict() got an unexpected keyword argument 'parameters'",
        "": "Bad output type returned.The predict function should return either a numpy ndarray or a list.",
    }
    for parameters, text in refusals.items():
        with pytest.raises(PredictionFailed) as error:
            model.run(parameters, ["scalar"], 1)
        assert error.value.message == text
    with pytest.raises(PredictionFailed, match="Exception during sklearn prediction: 'int' object"):
        model.run("", [1], 1)
    model.close()
    assert "printed by the model" in capfd.readouterr().err


def test_a_model_that_an_older_version_saved_is_served_with_a_note(place, folder):
    notes: list[str] = []
    load(place, folder, OLD % 0, notes).close()
    assert notes == ["Trying to unpickle estimator Old from version 0.1 when using version 9.1."]


@pytest.mark.parametrize(
    ("content", "texts"),
    [
        (OLD % 1, ["node array from the pickle", "Old from version 0.1 when using version 9.1", "Save it with"]),
        (b"ctrainer.steps\nScaler\n.", ["No module named 'trainer'", "custom prediction routine", "(scikit-learn"]),
        (b"cmodel\nScaler\n.", ["No module named 'model'", "module model, which is not in this runtime"]),
        (b"c__main__\nScaler\n.", ["code of the program that saved it, which no server has"]),
        (b"csklearn\nGone\n.", ["model.pkl", "'Gone'", "loaded by scikit-learn 9.1, Python 3.", "cloud.runtimes add"]),
        (b"\x80\x63.", ["unsupported pickle protocol: 99", "saved by a newer Python"]),
        (b"", ["Could not load the model: model.pkl. Ran out of input."]),
        (
            b"I1\n.",
            ["Invalid model type detected: builtins.int. Please make sure the model file is an"],
        ),
    ],
    ids=["other version", "own code", "our own files", "main", "class", "protocol", "empty", "type"],
)
def test_what_cannot_be_loaded_is_told_with_its_mend(place, folder, content, texts):
    with pytest.raises(FailedPrecondition) as error:
        load(place, folder, content)
    assert error.value.message.startswith("Failed to load model: ")
    assert error.value.message.endswith(" (Error code: 0)")
    for text in texts:
        assert text in error.value.message


def test_a_model_of_the_other_framework_names_it(place, folder):
    (folder / "model.pkl").write_bytes(STUMP)
    with pytest.raises(FailedPrecondition, match=r"exported xgboost model\. Its framework is SCIKIT_LEARN\."):
        FrameworkModel(Framework.XGBOOST, folder, place)


def test_the_worker_ends_as_its_models_process_did(place, folder, monkeypatch):
    ended: list[int] = []

    def end(status: int) -> None:
        ended.append(status)
        raise SystemExit

    monkeypatch.setattr(module.os, "_exit", end)
    model = load(place, folder, STUMP)
    with pytest.raises(SystemExit):
        model.run("", ["die"], 1)
    assert ended == [70]


def test_no_interpreter(place, folder, tmp_path):
    with pytest.raises(FailedPrecondition, match="gone/python cannot be started"):
        FrameworkModel(Framework.SCIKIT_LEARN, folder, Place(tmp_path / "gone" / "python"))


def test_the_models_process_sees_nothing_of_this_program(tmp_path):
    environ = Place(tmp_path / "bin" / "python", (tmp_path / "layer",)).environ({**os.environ, "PYTHONPATH": "/ours"})
    assert environ["PYTHONPATH"] == str(tmp_path / "layer")
    assert environ["OMP_WAIT_POLICY"] == "PASSIVE"
    own = Place(tmp_path / "bin" / "python").environ({"OMP_WAIT_POLICY": "ACTIVE"})
    assert own["OMP_WAIT_POLICY"] == "ACTIVE"


def test_its_program_is_python_3_7():
    source = Path(model_process.__file__).read_text(encoding="utf-8")
    ast.parse(source, feature_version=(3, 7))
    imported = {
        alias.name.partition(".")[0]
        for node in ast.parse(source).body
        for alias in (node.names if isinstance(node, ast.Import) else ())
    }
    assert imported <= set(sys.stdlib_module_names)


def test_it_ends_with_its_input(place, folder):
    (folder / "model.pkl").write_bytes(STUMP)
    command = [sys.executable, model_process.__file__, "SCIKIT_LEARN", str(folder)]
    environ = {**os.environ, "PYTHONPATH": str(place.import_path[0])}
    done = subprocess.run(command, env=environ, input=b"", capture_output=True, check=True, timeout=60)
    assert done.stdout.count(b"\n") == 1
