"""What the checks read from a job: its arguments, and the scores in its log."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.lab.checks.jobs import LabJob, last_rmse, local_arguments, one_line, options
from cloud.lab.checks.scaling import differences

WORD = st.text(alphabet="ab/.:-_= ", max_size=6)


@given(st.dictionaries(st.text("ab_", min_size=1, max_size=5), st.text("a1./:", min_size=1, max_size=5)))
def test_options_are_read_in_both_forms(flags: dict[str, str]) -> None:
    assert options([f"--{name}={value}" for name, value in flags.items()]) == flags
    assert options([word for name, value in flags.items() for word in (f"--{name}", value)]) == flags


@given(st.lists(WORD))
def test_any_arguments_are_read(arguments: list[str]) -> None:
    assert all(name in "".join(arguments).replace("-", "_") for name in options(arguments))
    assert isinstance(local_arguments(arguments), list)


def test_options_with_several_values() -> None:
    assert options(["--hidden-units", "64", "32", "--flag", "--rate", "-1"]) == {
        "hidden_units": "64 32",
        "flag": "",
        "rate": "-1",
    }


@pytest.mark.parametrize(
    ("argument", "is_local"),
    [
        ("--train_data_paths=gs://bucket/data/taxi-train*", False),
        ("--train_data_paths=/home/me/data/taxi-train*", True),
        ("--train-data-paths=data/taxi-train.csv", True),
        ("--output_dir=./taxi_trained", True),
        ("--output_dir=/gcs/bucket/out", False),
        ("--vocabulary=../words.txt", True),
        ("--hidden_units=64 32", False),
        ("--output_dir=", False),
    ],
)
def test_paths_of_the_learners_machine(argument: str, *, is_local: bool) -> None:
    assert bool(local_arguments([argument])) is is_local


@pytest.mark.parametrize(
    ("lines", "score"),
    [
        (["step 10/20 loss=3 rmse=5.1", "evaluation step=20 loss=1 rmse=4.25 rows=9", "step 30 rmse=9"], 4.25),
        (["Saving dict for global step 1000: average_loss = 109.68, loss = 55, rmse = 10.4"], 10.4),
        (["rmse=1e-05"], 1e-05),
        (["rmse=nan", "no score"], None),
        ([], None),
    ],
)
def test_the_score_of_a_log(lines: list[str], score: float | None) -> None:
    assert last_rmse(lines) == score


@given(st.lists(st.text(alphabet="rmse=:. 0123456789eval+-", max_size=30)))
def test_any_log_has_a_score_or_none(lines: list[str]) -> None:
    assert last_rmse(lines) is None or last_rmse(lines) >= 0


def job(*arguments: str) -> LabJob:
    return LabJob({"jobId": "one", "state": "SUCCEEDED", "trainingInput": {"args": list(arguments)}})


def test_runs_to_compare_differ_in_their_features_and_folders_only() -> None:
    raw = job("--features=raw", "--train_steps=10", "--output_dir=gs://b/raw")
    assert differences(raw, job("--features", "engineered", "--train_steps", "10", "--output_dir=gs://b/other")) == []
    assert differences(raw, job("--features=engineered", "--seed=3")) == [
        ("--seed", "∅", "3"),
        ("--train_steps", "10", "∅"),
    ]


def test_a_message_is_quoted_in_one_line() -> None:
    assert one_line("The replica\nfailed.\n") == "The replica failed"
    assert len(one_line("x" * 1000)) == 301
