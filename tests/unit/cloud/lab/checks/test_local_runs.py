"""The checks of what was trained and predicted on the learner's machine."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tensorboard.compat.proto.event_pb2 import Event

from cloud.lab.checks import CHECKS, Lab
from cloud.lab.checks.local_runs import wrong_keys
from cloud.wire.tf_records import write_record
from cloud.workflow.taxifare import TEST_INSTANCES

TRIP = TEST_INSTANCES[0]


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab({}, tmp_path)


def english(lab: Lab, name: str) -> str:
    outcome = CHECKS[name](lab)
    assert not outcome.is_done
    assert outcome.spanish != outcome.english
    return outcome.english


def write_export(lab: Lab, name: str = "1") -> None:
    folder = lab.folder / "taxi_trained" / "export" / "exporter" / name
    folder.mkdir(parents=True)
    (folder / "saved_model.pb").touch()


def test_a_module_that_did_not_run_lacks_its_path(lab: Lab) -> None:
    assert "PYTHONPATH" in english(lab, "run_module")


def test_a_local_training_that_did_not_run_lacks_its_dashes(lab: Lab) -> None:
    assert "lone --" in english(lab, "local_train")


@pytest.mark.parametrize("name", ["run_module", "local_train"])
def test_a_run_that_exported_nothing(lab: Lab, name: str) -> None:
    (lab.folder / "taxi_trained").mkdir()
    assert "no saved_model.pb" in english(lab, name)


@pytest.mark.parametrize("name", ["run_module", "local_train"])
def test_output_of_an_earlier_run(lab: Lab, name: str) -> None:
    write_export(lab, "1")
    assert CHECKS[name](lab).is_done
    write_export(lab, "2")
    assert "rm -rf taxi_trained" in english(lab, name)


def write_instances(lab: Lab, text: str = json.dumps(TRIP) + "\n") -> None:
    (lab.folder / "test.json").write_text(text)


def test_a_prediction(lab: Lab) -> None:
    assert "no test.json" in english(lab, "local_predict")
    write_instances(lab)
    assert "no model" in english(lab, "local_predict")
    write_export(lab, "1")
    assert CHECKS["local_predict"](lab).is_done
    write_export(lab, "2")
    assert "2 models" in english(lab, "local_predict")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "cannot be read"),
        ("{'pickuplon': 1}", "cannot be read"),
        (json.dumps(TRIP) + "\n\n", "no empty line"),
        ("[" * 100_000, "cannot be read"),
        (json.dumps({**TRIP, "pickup_lon": 1}), "no input pickup_lon"),
        (json.dumps(dict.fromkeys(list(TRIP)[1:], 1)), "lacks pickuplon"),
        (json.dumps({**TRIP, "passengers": "two"}), 'passengers is "two"'),
        ("[1, 2]", "is an object"),
    ],
)
def test_instances_that_the_model_does_not_take(lab: Lab, text: str, told: str) -> None:
    write_export(lab)
    write_instances(lab, text)
    assert told in english(lab, "local_predict")


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*TRIP, "x"]), inner, max_size=7),
    max_leaves=10,
)


@given(JSON | st.fixed_dictionaries(dict.fromkeys(TRIP, JSON)))
def test_any_instance_is_right_or_has_words(instance: Any) -> None:
    assert wrong_keys(instance) is None or all(wrong_keys(instance) or ())


def write_losses(lab: Lab, *losses: float) -> None:
    folder = lab.folder / "taxi_trained"
    folder.mkdir(exist_ok=True)
    records = []
    for step, loss in enumerate(losses):
        event = Event(wall_time=1.0, step=step)
        event.summary.value.add(tag="loss", simple_value=loss)
        records.append(write_record(event.SerializeToString()))
    (folder / "events.out.tfevents.1").write_bytes(b"".join(records))


def test_a_curve_that_falls(lab: Lab) -> None:
    write_losses(lab, 200.0, 100.0)
    assert "falls from 200 to 100" in CHECKS["tensorboard"](lab).english


@pytest.mark.parametrize(
    ("losses", "told"),
    [
        ((), "no curve"),
        ((5.0,), "one point"),
        ((5.0, 9.0), "does not fall"),
        ((5.0, float("nan")), "does not fall"),
    ],
)
def test_a_curve_that_does_not_fall(lab: Lab, losses: tuple[float, ...], told: str) -> None:
    write_losses(lab, *losses)
    assert told in english(lab, "tensorboard")


def test_a_damaged_event_file_is_no_curve(lab: Lab) -> None:
    (lab.folder / "taxi_trained").mkdir()
    (lab.folder / "taxi_trained" / "events.out.tfevents.1").write_bytes(b"\x00" * 100)
    assert "no curve" in english(lab, "tensorboard")
