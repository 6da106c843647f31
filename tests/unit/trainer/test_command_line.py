import json

import pytest

from trainer.command_line import parse

PATHS = ["--train_data_paths", "t.csv", "--eval_data_paths", "v.csv", "--output_dir", "out"]


def test_the_labs_command_is_accepted() -> None:
    arguments = parse([*PATHS, "--train_steps", "1000", "--hidden_units", "8", "4", "--job-dir", "./tmp"], "")
    assert (arguments.train_steps, arguments.hidden_units, arguments.job_dir) == (1000, [8, 4], "./tmp")


def test_the_defaults_are_the_labs() -> None:
    arguments = parse(PATHS, "")
    assert (arguments.train_batch_size, arguments.hidden_units) == (512, [128, 32, 4])
    assert (arguments.eval_delay_secs, arguments.throttle_secs) == (10, 300)
    assert (arguments.features, arguments.eval_steps, arguments.job_dir) == ("engineered", None, "")


@pytest.mark.parametrize(
    ("flags", "parts"),
    [
        (["--train_steps", "0"], ("--train_steps", "'0'", "1 or more")),
        (["--train_steps", "many"], ("--train_steps", "'many'", "whole number")),
        (["--train_batch_size", "-5"], ("--train_batch_size", "'-5'", "1 or more")),
        (["--hidden_units", "128", "0"], ("--hidden_units", "'0'", "1 or more")),
        (["--learning_rate", "0"], ("--learning_rate", "'0'", "above 0")),
        (["--learning_rate", "nan"], ("--learning_rate", "'nan'", "above 0")),
        (["--seed", "1.5"], ("--seed", "'1.5'", "whole number")),
        (["--throttle_secs", "-1"], ("--throttle_secs", "'-1'", "0 or more")),
        (["--eval_delay_secs", "inf"], ("--eval_delay_secs", "'inf'", "seconds")),
        (["--features", "best"], ("--features", "'best'", "engineered")),
        (["--train_step", "5"], ("--train_step",)),
    ],
)
def test_an_illegal_flag_is_reported_in_one_line_with_its_name_value_and_rule(
    flags: list[str], parts: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        parse([*PATHS, *flags], "")
    assert caught.value.code == 2
    line = capsys.readouterr().err
    assert line.count("\n") == 1
    for part in parts:
        assert part in line


@pytest.mark.parametrize("config", ["{", '{"task": {"type": "driver"}}'])
def test_an_illegal_tf_config_is_an_error_of_one_line(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        parse(PATHS, "", config)
    assert exit_.value.code == 2
    line = capsys.readouterr().err
    assert "TF_CONFIG" in line
    assert line.count("\n") == 1


def test_a_step_has_a_row_for_each_replica(capsys: pytest.CaptureFixture[str]) -> None:
    config = json.dumps({"cluster": {"chief": ["a:1"], "worker": ["b:1", "c:1"]}, "task": {"type": "worker"}})
    assert parse([*PATHS, "--train_batch_size", "3"], "", config).cluster.size == 3
    with pytest.raises(SystemExit):
        parse([*PATHS, "--train_batch_size", "2"], "", config)
    assert "--train_batch_size: 2 rows are fewer than the 3 replicas" in capsys.readouterr().err


def test_a_tuning_service_passes_several_widths_as_one_argument() -> None:
    assert parse([*PATHS, "--hidden_units", "64 32 4"], "").hidden_units == [64, 32, 4]
    assert parse([*PATHS, "--hidden_units=64 32", "--hidden_units", "8"], "").hidden_units == [8], "the last one counts"
