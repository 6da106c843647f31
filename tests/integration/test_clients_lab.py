"""The lab from bucket to prediction by Google's own clients only, with a trainer that imports nothing of this project,
inside one ``python -m cloud.serve``."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from integration.user_environ import user_environ

pytestmark = pytest.mark.timeout(200)
LAB = Path(__file__).with_name("lab")
STEPS = 30


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict:
    """The client program's results."""
    folder = shutil.copytree(LAB, tmp_path_factory.mktemp("lab") / "source")
    environ = user_environ()
    done = subprocess.run(
        [sys.executable, "-m", "cloud.serve", "--project", "lab-project", "--", sys.executable, "client.py", "."],
        cwd=folder,
        env=environ | {"XDG_RUNTIME_DIR": str(folder.parent)},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "refused" not in done.stderr
    return json.loads(done.stdout)


def test_the_lab_goes_from_bucket_to_prediction(found: dict) -> None:
    assert found["job"] == ["SUCCEEDED", None, ["taxifare_180829_132457"]], found["log"]
    assert found["version"] == ["CREATE_VERSION", None]
    ((fare,),) = [prediction["predictions"] for prediction in found["prediction"]["predictions"]]
    assert 0 < fare < 50
    deleted, models, buckets = found["cleaned up"]
    assert deleted == [["DELETE_VERSION", None], ["DELETE_MODEL", None]]
    assert (models, buckets) == ({}, [])


def test_the_log_has_the_runners_and_the_trainers_lines(found: dict) -> None:
    (rmse,) = [line for line in found["log"] if line.startswith("rmse=")]
    assert float(rmse.removeprefix("rmse=")) < 5
    assert "Running module taxifare.task." in found["log"]
    assert found["log"].index("Clean up finished.") > found["log"].index(rmse)


def test_a_metric_for_tuning_is_in_a_file_of_the_job(found: dict) -> None:
    (file,) = [line.removeprefix("reported ") for line in found["log"] if line.startswith("reported ")]
    assert not file.startswith("/tmp/hypertune")  # noqa: S108 - where it would be shared
    assert not Path(file).exists()
    (metric,) = [json.loads(line) for line in found["log"] if line.startswith('{"checkpoint_path"')]
    assert (metric["global_step"], metric["trial"]) == (str(STEPS), "0")
    assert f"rmse={float(metric['rmse']):.4f}" in found["log"]


def test_tensorboard_shows_the_training_output(found: dict) -> None:
    assert list(found["tensorboard"]["tags"]["."]) == ["loss"]
    steps = [(step, value) for _, step, value in found["tensorboard"]["loss"]]
    assert [step for step, _ in steps] == list(range(STEPS))
    assert steps[-1][1] < steps[0][1] / 2
