import os
from pathlib import Path
from unittest import mock

import hypertune

from trainer.metrics import report_metric


def test_the_file_is_as_the_client_writes_it(tmp_path: Path) -> None:
    ours, theirs = tmp_path / "ours" / "output.metrics", tmp_path / "theirs" / "output.metrics"
    with mock.patch("time.time", return_value=1.5):
        with mock.patch.dict(os.environ, {"CLOUD_ML_HP_METRIC_FILE": str(ours), "CLOUD_ML_TRIAL_ID": "3"}):
            report_metric("rmse", 4.5, 100)
            report_metric("rmse", 4.25, 200)
        with mock.patch.dict(os.environ, {"CLOUD_ML_HP_METRIC_FILE": str(theirs), "CLOUD_ML_TRIAL_ID": "3"}):
            client = hypertune.HyperTune()
            client.report_hyperparameter_tuning_metric("rmse", 4.5, 100)
            client.report_hyperparameter_tuning_metric("rmse", 4.25, 200)
    assert ours.read_text().splitlines() == theirs.read_text().splitlines()


def test_without_the_variable_nothing_is_written(tmp_path: Path) -> None:
    with mock.patch.dict(os.environ, {"HOME": str(tmp_path)}, clear=True):
        report_metric("rmse", 4.5, 100)
    assert list(tmp_path.iterdir()) == []
