"""Versions of scikit-learn's kind, with a library that looks like it: tests/runtimes has the real ones."""

import asyncio
import os
import shutil
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import orjson
import pytest
import pytest_asyncio

from cloud.engine.batch_prediction.model import opened
from cloud.engine.launch.command import Interpreter
from cloud.engine.runtimes.runtime import Runtime
from cloud.engine.serving.service import ServingService
from cloud.errors import FailedPrecondition, PredictionFailed, Unavailable
from cloud.lifecycle import VersionState
from cloud.names import GsUri
from cloud.resources import Framework, RawAnswer, Service, Version, VersionSpec
from cloud.resources.batch_prediction import BatchPredictionSpec
from integration.serving.clouds import TIMEOUT, Cloud, RecordingLauncher

pytestmark = pytest.mark.asyncio(loop_scope="session")
LIBRARY = """
import os
class Doubles:
    def predict(self, instances):
        if "pid" in instances:
            return [os.getpid()]
        if "die" in instances:
            os._exit(3)
        return [2 * row[0] for row in instances]
"""


class Runtimes:
    """There is one, or none."""

    def __init__(self, folder: Path) -> None:
        (folder / "sklearn").mkdir(parents=True)
        (folder / "sklearn" / "__init__.py").write_text(LIBRARY)
        self.runtime = Runtime("own", "scikit-learn 9", Interpreter(Path(sys.executable)), (), (folder,))
        self.missing = ""

    async def prepare_server(self, spec: VersionSpec, log: object) -> Runtime:
        if self.missing:
            raise FailedPrecondition(self.missing)
        return self.runtime


@pytest.fixture
def runtimes(tmp_path: Path) -> Runtimes:
    return Runtimes(tmp_path / "library")


@pytest_asyncio.fixture(loop_scope="session")
async def service(tmp_path: Path, launcher: RecordingLauncher, runtimes: Runtimes) -> AsyncIterator[ServingService]:
    models = tmp_path / "models"
    contents = {"good": b"csklearn\nDoubles\n(t\x81.", "broken": b"cnowhere\nDoubles\n."}
    for name, content in contents.items():
        (models / name).mkdir(parents=True)
        (models / name / "model.pkl").write_bytes(content)
    async with Cloud(tmp_path / "state", launcher, models).service(prepare=runtimes.prepare_server) as service:
        await service.create_model("m")
        yield service


async def deploy(service: ServingService, source: str, name: str = "v1") -> Version:
    spec = VersionSpec("m", name, GsUri("bucket", source), framework=Framework.SCIKIT_LEARN)
    await service.create_version(spec)
    return await service.wait_for_version("m", name, timeout=TIMEOUT)


async def test_predictions_errors_and_the_end_of_the_models_process(service: ServingService) -> None:
    assert (await deploy(service, "good")).state is VersionState.READY
    assert await service.predict("m", [[1], [2.5], ["a"]]) == [2, 5.0, "aa"]
    with pytest.raises(PredictionFailed) as error:
        await service.predict("m", [1])
    text = "Exception during sklearn prediction: 'int' object is not subscriptable"
    assert error.value.message == text
    raw = await service.raw_predict("m", orjson.dumps({"instances": [[1]]}))
    assert raw == RawAnswer(200, b'{"predictions":[2]}')
    raw = await service.raw_predict("m", orjson.dumps({"instances": [1]}))
    assert raw == RawAnswer(400, f'"Prediction failed: {text}"\n'.encode())

    with pytest.raises(Unavailable, match="worker died twice on this request"):
        await service.predict("m", ["die"])
    (pid,) = await service.predict("m", ["pid"])
    os.kill(pid, signal.SIGKILL)
    assert await service.predict("m", [[3]]) == [6]
    (pid,) = await service.predict("m", ["pid"])
    await service.delete_version("m", "v1")
    with pytest.raises(ProcessLookupError):  # it ended before its worker
        os.kill(pid, 0)


async def test_a_batch_prediction_job_does_not_hand_its_parameters_to_the_library(
    service: ServingService, tmp_path: Path
) -> None:
    spec = BatchPredictionSpec(
        "1",
        service=Service.VERTEX_AI,
        input_uris=(GsUri("bucket", "in"),),
        output_uri=GsUri("bucket", "out"),
        model_uri=GsUri("bucket", "good"),
        framework=Framework.SCIKIT_LEARN,
        parameters={"confidence_threshold": 0.5},
    )

    async def download(source: GsUri, folder: Path) -> None:
        await asyncio.to_thread(shutil.copytree, tmp_path / "models" / source.path, folder, dirs_exist_ok=True)

    async with opened(spec, service, download, tmp_path / "own", lambda *_: None) as predictor:
        assert await predictor.predict([b"[1]", b"[2.5]"]) == [2, 5.0]


async def test_a_version_without_a_model_or_a_runtime_says_so(service: ServingService, runtimes: Runtimes) -> None:
    broken = await deploy(service, "broken", "v1")
    assert broken.error_message.startswith(
        'Create Version failed. Bad model detected with error: "Failed to load model: Could not load the model: '
        "model.pkl. No module named 'nowhere'."
    )
    runtimes.missing = "image prediction/sklearn-cpu.1-6 needs sklearn1.6, which is not here: …"
    missing = await deploy(service, "good", "v2")
    assert missing.error_message == f"Create Version failed. {runtimes.missing}"
