"""SavedModels made by TensorFlow 2.15, loaded by the installed TensorFlow."""

import asyncio
import base64
import json
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cloud.engine.runtimes.installed import installed_runtime
from cloud.engine.runtimes.runtime import RuntimeRequest
from cloud.engine.runtimes.runtimes import Runtimes
from cloud.settings import RequirementsMode, RuntimeMode, inherited_environ, runtimes_dir, whole_environ
from meta_graphs import field

TESTS = Path(__file__).parents[1]
ENVIRON = inherited_environ() | {"TF_CPP_MIN_LOG_LEVEL": "2"}
EXAMPLE = field(1, field(1, field(1, "x") + field(2, field(2, field(1, struct.pack("<f", 1.0))))))
"""``tf.train.Example`` with the feature x of 1."""
REQUESTS: dict[str, list[Any]] = {
    "keras_from_h5": [[1], [2]],
    "keras_text": [["Green red"]],
    "regressor": [{"x": [1.0]}],
    "classifier": [{"b64": base64.b64encode(EXAMPLE).decode()}],
}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The SavedModels of models_of_tf2_15.py, made in the runtime tf2.15, which is built if it is not there."""
    folder = tmp_path_factory.mktemp("models")
    environ = {name: value for name, value in whole_environ().items() if name != "UV_OFFLINE"}  # as other tests have
    runtimes = Runtimes([runtimes_dir()], installed_runtime, RuntimeMode.MATCH, RequirementsMode.INDEX, environ=environ)
    request = RuntimeRequest(version="2.15", text="the models of a test")
    runtime = asyncio.run(runtimes.prepare(request, lambda *_: None))
    maker = Path(__file__).with_name("models_of_tf2_15.py")
    argv = [*runtime.interpreter.command_line, str(maker), str(folder)]
    done = subprocess.run(argv, env=ENVIRON, cwd=folder, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.timeout(900)
def test_models_are_served(models: Path) -> None:
    requests = {name: [instances] for name, instances in REQUESTS.items()}
    argv = [sys.executable, "-m", "integration.serving.verdicts", "c", str(models)]
    given = json.dumps(requests).encode()
    done = subprocess.run(argv, input=given, env=ENVIRON, cwd=TESTS, capture_output=True, timeout=300)
    assert done.returncode == 0, done.stderr.decode()
    found = {name: verdict.get("predictions", verdict) for name, verdict in json.loads(done.stdout).items()}
    assert found["keras_from_h5"] == [[{"layer": [3.0]}, {"layer": [5.0]}]]
    assert [list(row.values()) for row in found["keras_text"][0]] == [[[3, 2, 0]]]
    ((prediction,),) = found["regressor"]
    assert list(prediction) == ["predictions"]
    ((prediction,),) = found["classifier"]
    assert sorted(prediction) == ["classes", "scores"]
    assert prediction["classes"] == ["0", "1"]
