"""What trainers report is read, whole or half written, and becomes measurements."""

import json
import math
import os
from pathlib import Path
from unittest import mock

import hypertune
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.compat.proto.tensor_pb2 import TensorProto

from cloud.engine.tuning.metrics import Reported, final, measurements, read_hypertune, read_summaries
from cloud.resources.trials import Goal, Measurement, Metric
from cloud.resources.tuning import MeasurementSelection
from cloud.wire.tf_records import write_record

RMSE = (Metric("rmse", Goal.MINIMIZE),)
LAST, BEST = MeasurementSelection.LAST, MeasurementSelection.BEST


def test_the_real_clients_file_is_read(tmp_path: Path) -> None:
    file = tmp_path / "metrics" / "output.metrics"
    with mock.patch.dict(os.environ, {"CLOUD_ML_HP_METRIC_FILE": str(file), "CLOUD_ML_TRIAL_ID": "3"}):
        tuner = hypertune.HyperTune()
        for step, value in ((10, 5.5), (20, float("nan"))):
            tuner.report_hyperparameter_tuning_metric("rmse", value, step)
        tuner.report_hyperparameter_tuning_metric("other", 1.0, 5)
    first, second = read_hypertune(file.read_bytes(), ["rmse"])
    assert (first.step, first.name, first.value) == (10, "rmse", 5.5)
    assert math.isnan(second.value)


def test_what_no_api_could_show_is_made_so_that_it_can() -> None:
    line = {"timestamp": "inf", "global_step": "1e30", "rmse": "1"}
    (found,) = read_hypertune(json.dumps(line).encode(), ["rmse"])
    assert found == Reported(0.0, 2**63 - 1, "rmse", 1.0)
    (found,) = read_hypertune(json.dumps(line | {"global_step": -1, "timestamp": 1e300}).encode(), ["rmse"])
    assert measurements([found], 0.0) == (Measurement(0, 315_576_000_000.0, {"rmse": 1.0}),)
    assert read_hypertune(b"[" * 100_000, ["rmse"]) == []


@given(st.binary(max_size=200))
def test_an_event_file_of_other_records_is_read_to_where_it_is_damaged(content: bytes) -> None:
    event = Event(step=1, summary=Summary(value=[Summary.Value(tag="rmse", simple_value=2.0)])).SerializeToString()
    tensor = TensorProto.FromString(b"\x08\x7f")  # of no known type
    odd = Event(summary=Summary(value=[Summary.Value(tag="rmse", tensor=tensor)])).SerializeToString()
    file = write_record(event) + write_record(odd) + write_record(content)
    assert [each.value for each in read_summaries(file, ["rmse"])][:1] == [2.0]


@given(st.binary(max_size=200))
def test_any_content_of_the_file_is_taken(content: bytes) -> None:
    assert read_hypertune(content, ["rmse"]) == []
    assert read_summaries(content, ["rmse"]) == []


@pytest.mark.parametrize("line", ["[1]", "3", '{"rmse": "x"}', '{"rmse": "1", "global_step": null}', '{"rmse": "0.'])
def test_a_line_that_is_not_the_clients_is_left_out(line: str) -> None:
    whole = '{"global_step": "7", "rmse": "0.5", "timestamp": 2.5, "trial": "1"}'
    assert read_hypertune(f"{line}\n{whole}\n".encode(), ["rmse"]) == [Reported(2.5, 7, "rmse", 0.5)]


def test_the_default_metric_is_found_in_any_scope_and_another_one_is_not() -> None:
    values = [Summary.Value(tag=f"eval/{name}", simple_value=2.0) for name in ("training/hptuning/metric", "rmse")]
    file = write_record(Event(step=3, summary=Summary(value=values)).SerializeToString())
    assert read_summaries(file, ["training/hptuning/metric"]) == [Reported(0.0, 3, "training/hptuning/metric", 2.0)]
    assert read_summaries(file, ["rmse"]) == []


def event(step: int, *values: Summary.Value) -> bytes:
    return write_record(Event(wall_time=100.0 + step, step=step, summary=Summary(value=values)).SerializeToString())


def test_scalars_of_both_versions_of_tensorflow_are_read_up_to_the_damage() -> None:
    tensor = TensorProto(dtype=1, tensor_shape={}, float_val=[0.25])
    content = (
        write_record(Event(file_version="brain.Event:2").SerializeToString())
        + event(1, Summary.Value(tag="rmse", simple_value=0.5), Summary.Value(tag="other", simple_value=9))
        + event(2, Summary.Value(tag="rmse", tensor=tensor))
        + event(3, Summary.Value(tag="rmse", tensor=TensorProto(dtype=7, string_val=[b"no number"])))
    )
    expected = [Reported(101.0, 1, "rmse", 0.5), Reported(102.0, 2, "rmse", 0.25)]
    assert read_summaries(content, ["rmse"]) == expected
    assert read_summaries(content + event(4, Summary.Value(tag="rmse", simple_value=1))[:-5], ["rmse"]) == expected


def test_measurements_are_by_step_and_the_latest_report_of_a_step_counts() -> None:
    reported = [Reported(103.0, 2, "rmse", 4.0), Reported(101.0, 1, "rmse", 5.0), Reported(102.0, 1, "rmse", 4.5)]
    assert measurements(reported, 100.0) == (Measurement(1, 2.0, {"rmse": 4.5}), Measurement(2, 3.0, {"rmse": 4.0}))


def test_of_very_many_measurements_the_last_one_stays() -> None:
    found = measurements([Reported(float(step), step, "rmse", 1.0) for step in range(5000)], 0.0)
    assert len(found) <= 1000
    assert found[-1].step == 4999


def test_the_final_measurement_is_the_last_or_the_best() -> None:
    curve = [Measurement(step, 1.0, {"rmse": value}) for step, value in ((1, 5.0), (2, 4.0), (3, 4.5))]
    assert final(curve, RMSE, LAST) == (curve[2], "")
    assert final(curve, RMSE, BEST) == (curve[1], "")
    assert final(curve, (Metric("rmse", Goal.MAXIMIZE),), BEST) == (curve[0], "")


def test_without_a_usable_metric_there_is_no_final_measurement_and_a_reason() -> None:
    assert final([], RMSE, LAST) == (None, "The trial reported no value of the metric 'rmse'.")
    nan = [Measurement(1, 1.0, {"rmse": 4.0}), Measurement(2, 2.0, {"rmse": math.nan})]
    assert final(nan, RMSE, LAST) == (None, "The trial's last value of the metric 'rmse' is nan.")
    assert final(nan, RMSE, BEST) == (nan[0], "")
