"""The lab's files and predictions."""

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.errors import InvalidArgument
from cloud.workflow import taxifare
from cloud.workflow.taxifare import (
    RootMeanSquare,
    check_data,
    evaluation_files,
    labelled_instances,
    package_path,
    predicted_fare,
    trainer_arguments,
)


@pytest.mark.parametrize("place", ["cloud/sample/trainer", "trainer"], ids=["installed", "checkout"])
def test_the_trainer_is_inside_the_installed_package_or_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    monkeypatch.setattr(taxifare, "__file__", str(tmp_path / "cloud" / "workflow" / "taxifare.py"))
    with pytest.raises(InvalidArgument, match="give --package-path"):
        package_path()
    (tmp_path / place).mkdir(parents=True)
    (tmp_path / place / "__init__.py").touch()

    assert package_path() == tmp_path / place


def test_the_trainer_is_there() -> None:
    assert (package_path() / "task.py").is_file()


def _rows(tmp_path: Path, text: str) -> list[tuple[dict[str, float], float]]:
    path = tmp_path / "taxi-valid.csv"
    path.write_text(text)
    return list(labelled_instances([path]))


def test_a_row_is_an_instance_and_its_fare(tmp_path: Path) -> None:
    ((instance, fare),) = _rows(tmp_path, "12.5,-73.9,40.75,-73.97,40.78,1,0\n")
    assert fare == 12.5
    assert instance == {
        "pickuplon": -73.9, "pickuplat": 40.75, "dropofflon": -73.97, "dropofflat": 40.78, "passengers": 1.0,
    }  # fmt: skip


def test_empty_fields_have_the_labs_defaults(tmp_path: Path) -> None:
    ((instance, fare),) = _rows(tmp_path, ",,,,,,\n")
    assert fare == 0.0
    assert instance["dropofflat"] == 40.7


def test_rows_that_cannot_be_parsed_are_skipped(tmp_path: Path) -> None:
    bad = "fare_amount,a,b,c,d,e,key\n1,2,3\n1,2,3,4,5,6,7,8\nx,1,1,1,1,1,k\nnan,1,1,1,1,1,k\n\n"
    assert len(_rows(tmp_path, bad + "1,2,3,4,5,6,k\n")) == 1


def test_missing_files_are_named(tmp_path: Path) -> None:
    (tmp_path / "taxi-train.csv").touch()
    with pytest.raises(InvalidArgument, match=r"taxi-valid\*") as caught:
        check_data(tmp_path)
    assert caught.value.field == "--data-dir"
    (tmp_path / "taxi-valid-1.csv").touch()
    check_data(tmp_path)
    assert [path.name for path in evaluation_files(tmp_path)] == ["taxi-valid-1.csv"]


@pytest.mark.parametrize(
    "prediction", [{"predictions": [10.5]}, {"predictions": 10.5}, {"predictions": [[10.5]]}, 10.5]
)
def test_a_fare_is_read_from_any_form_of_prediction(prediction: object) -> None:
    assert predicted_fare(prediction) == 10.5


def test_steps_are_passed_on_only_if_given() -> None:
    assert not any("train_steps" in argument for argument in trainer_arguments(None))
    assert "--train_steps=7" in trainer_arguments(7)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1))
def test_root_mean_square(differences: list[float]) -> None:
    score = RootMeanSquare()
    for difference in differences:
        score.add(difference)
    expected = math.sqrt(math.fsum(value * value for value in differences) / len(differences))
    assert score.value == pytest.approx(expected)
    assert score.count == len(differences)
