"""scikit-learn and XGBoost: trained in a job, deployed by both APIs, asked by their clients."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from runtimes.conftest import TRAINERS, add

from cloud.backends.base import Backend
from cloud.errors import InvalidArgument
from cloud.lifecycle import JobState
from cloud.names import GsUri
from cloud.resources import Service, TrainingSpec
from cloud.server.thread import BackgroundCloud
from cloud.settings import RequirementsMode, RuntimeMode, Settings, inherited_environ
from cloud.workflow.trainer_run import run_trainer

pytestmark = pytest.mark.timeout(900)
STEPS = Path(__file__).with_name("frameworks_steps.py")
IMAGES = "us-docker.pkg.dev/vertex-ai"
SKLEARN, XGBOOST = "sklearn-cpu.1-0", "xgboost-cpu.1-6"
KINDS = {"joblib": SKLEARN, "pickle": SKLEARN, "xgboost": XGBOOST}
BUCKET = "flowers"
NEAR, FAR = [0.1, 0.2], [0.9, 0.1]
"""Instances of class 0 and of class 1."""


@pytest.fixture(scope="module")
def cloud() -> Iterator[BackgroundCloud]:
    """Every job and version runs in what it requests, or fails."""
    for name in (SKLEARN, XGBOOST):
        add(f"{IMAGES}/prediction/{name}:latest")
    settings = Settings(runtime=RuntimeMode.MATCH, requirements=RequirementsMode.INSTALLED)
    with BackgroundCloud(settings) as cloud:
        yield cloud


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("data") / "flowers.csv"
    rows = [(x / 20, y / 20, int(x > 10)) for x in range(21) for y in range(21)]
    file.write_text("".join(f"{x},{y},{label}\n" for x, y, label in rows))
    return file


async def succeeded(backend: Backend, spec: TrainingSpec) -> list[str]:
    """The log of the job."""
    await backend.submit_job(spec)
    job = await backend.wait_for_job(spec.job_id)
    log = [entry.message for entry in await backend.read_logs(spec.job_id)]
    assert job.state is JobState.SUCCEEDED, "\n".join([job.error_message, *log])
    return log


@pytest.fixture(scope="module")
def models(cloud: BackgroundCloud, runtimes: Path, data: Path) -> dict[str, GsUri]:
    """The folders of models that jobs trained, by kind."""

    async def train() -> dict[str, GsUri]:
        backend, bucket = cloud.backend, GsUri(BUCKET)
        await backend.create_bucket(BUCKET)
        await backend.upload(data, bucket / "data" / "flowers.csv")
        package = await backend.stage_package(TRAINERS / "flowers", bucket / "packages")
        folders = {}
        common = {"package_uris": (package,), "python_module": "flowers.task", "region": backend.region}
        given = ("--data", f"gs://{BUCKET}/data/flowers.csv", "--kind")
        # Formats of XGBoost differ by version: that of ML Engine is trained in the runtime that serves it.
        folders["2_11"] = bucket / "out" / "2_11"
        spec = TrainingSpec(
            "of_2_11", args=(*given, "xgboost"), job_dir=folders["2_11"], runtime_version="2.11", **common
        )
        await succeeded(backend, spec)
        for number, (kind, image) in enumerate(KINDS.items(), start=1):
            output = bucket / "out" / kind
            folders[kind] = output / "model"
            spec = TrainingSpec(
                str(number),
                args=(*given, kind),
                service=Service.VERTEX_AI,
                base_output_directory=output,
                image=f"{IMAGES}/training/{image}",
                **common,
            )
            log = await succeeded(backend, spec)
            assert any(f"image training/{image}" in line.lower() and "runs in" in line for line in log), log
        return folders

    return cloud.run(train())


def ask(cloud: BackgroundCloud, step: str, **given: object) -> Any:
    """What a program of Google's clients prints."""
    environ = inherited_environ() | cloud.environ
    command = [sys.executable, str(STEPS), step, json.dumps({"project": cloud.project, **given})]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])  # after what the SDK says


@pytest.mark.parametrize(("kind", "framework"), [("joblib", "SCIKIT_LEARN"), ("pickle", None), ("2_11", "XGBOOST")])
def test_ml_engine(cloud: BackgroundCloud, models: dict[str, GsUri], kind: str, framework: str | None) -> None:
    answer = ask(
        cloud, "ml_engine", model=f"ml_{kind}", folder=str(models[kind]), framework=framework, rows=[NEAR, FAR]
    )
    assert answer["framework"] == (framework or "SCIKIT_LEARN")
    near, far = answer["predictions"]
    if framework == "XGBOOST":
        assert (near, far) == (pytest.approx(0, abs=0.1), pytest.approx(1, abs=0.1))
        assert answer["misfit"].startswith("Prediction failed: Could not initialize DMatrix from inputs: ")
    else:
        assert (near, far) == (0, 1)
        assert answer["misfit"].startswith("Prediction failed: Exception during sklearn prediction: Expected 2D array")


@pytest.mark.parametrize(("kind", "image"), [("joblib", SKLEARN), ("xgboost", XGBOOST)])
def test_vertex_ai(cloud: BackgroundCloud, models: dict[str, GsUri], kind: str, image: str) -> None:
    image = f"{IMAGES}/prediction/{image}:latest"
    answer = ask(cloud, "vertex_ai", folder=str(models[kind]), image=image, rows=[NEAR, FAR])
    near, far = answer["predictions"]
    assert (near, far) == (pytest.approx(0, abs=0.1), pytest.approx(1, abs=0.1))
    assert answer["raw"] == {"predictions": answer["predictions"]}
    assert ': "Prediction failed: ' in answer["misfit"]
    assert "unexpected keyword argument 'parameters'" in answer["parameters"]


@pytest.mark.parametrize("kind", ["pickle", "xgboost"])
def test_a_run_deploys_what_the_trainer_exports(cloud: BackgroundCloud, runtimes: Path, data: Path, kind: str) -> None:
    run = cloud.run(
        run_trainer(
            cloud.backend,
            TRAINERS / "flowers",
            module="flowers.task",
            args=["--data", "{data}/flowers.csv", "--kind", kind],
            data=data.parent,
            runtime_version="2.11",
            python_version="3.7",
            json_instances=[NEAR, FAR],
        )
    )
    (_, near), (_, far) = run.predictions
    assert (near, far) == (pytest.approx(0, abs=0.1), pytest.approx(1, abs=0.1))


def test_a_trainer_of_pytorch_is_refused_by_the_name_of_what_is_missing(cloud: BackgroundCloud) -> None:
    package = GsUri(BUCKET, "trainer-0.1.tar.gz")
    image = f"{IMAGES}/training/pytorch-gpu.2-4.py310:latest"
    spec = TrainingSpec("9", (package,), "trainer.task", service=Service.VERTEX_AI, image=image)
    with pytest.raises(InvalidArgument, match="needs PyTorch, which is not here: install torch next to this project"):
        cloud.run(cloud.backend.submit_job(spec))
