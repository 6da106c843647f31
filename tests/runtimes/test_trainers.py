"""Trainers of TensorFlow 1 and of Keras 2: their package, job, export, and predictions by the worker of today."""

from pathlib import Path

import pytest
from runtimes.conftest import TRAINERS

from cloud.server.thread import BackgroundCloud
from cloud.workflow.trainer_run import run_trainer

pytestmark = pytest.mark.timeout(600)
BOROUGHS = ("queens", "bronx", "brooklyn")
FARES = [(3.0 + 2.0 * distance, distance, hour, BOROUGHS[hour % 3]) for distance in range(1, 11) for hour in range(24)]


def prediction(answer: object) -> float:
    """The number in ``{"predictions": [9.1]}``, ``{"fare": [9.1]}`` or ``[9.1]``."""
    value = next(iter(answer.values())) if isinstance(answer, dict) else answer
    return value[0] if isinstance(value, list) else value


def check_fares(predictions: list[float]) -> None:
    near, far = predictions
    assert near == pytest.approx(7.0, abs=4)
    assert far == pytest.approx(21.0, abs=6)


def test_an_estimator_of_tensorflow_1(cloud: BackgroundCloud, tmp_path: Path) -> None:
    lines = ["fare,distance,hour,borough", *(",".join(map(str, row)) for row in FARES)]
    (tmp_path / "fares.csv").write_text("\n".join(lines) + "\n")
    instances = [{"distance": distance, "hour": 8, "borough": "bronx"} for distance in (2.0, 9.0)]
    run = cloud.run(
        run_trainer(
            cloud.backend,
            TRAINERS / "fares_1",
            module="fares_1.task",
            args=["--data", "{data}"],
            data=tmp_path,
            runtime_version="1.15",
            python_version="3.7",
            json_instances=instances,
        )
    )
    log = [entry.message for entry in run.log]
    assert any(
        line.startswith("Runtime version 1.15 with Python 3.7: runs in tf1 (TensorFlow 2.15.1 as compat.v1, Python 3.")
        for line in log
    )
    assert not any("deprecated" in line for line in log)
    check_fares([prediction(answer) for _, answer in run.predictions])


def test_keras_2_over_feature_columns(cloud: BackgroundCloud, tmp_path: Path) -> None:
    lines = ["fare,distance,borough", *(f"{fare},{distance},{borough}" for fare, distance, _, borough in FARES)]
    (tmp_path / "fares.csv").write_text("\n".join(lines) + "\n")
    run = cloud.run(
        run_trainer(
            cloud.backend,
            TRAINERS / "fares_2",
            module="fares_2.task",
            args=["--data", "{data}"],
            data=tmp_path,
            runtime_version="2.8",
            json_instances=[{"distance": distance, "borough": "bronx"} for distance in (2.0, 9.0)],
        )
    )
    assert "Runtime version 2.8: runs in tf2.15 (TensorFlow 2.15.1" in "\n".join(entry.message for entry in run.log)
    check_fares([prediction(answer) for _, answer in run.predictions])
