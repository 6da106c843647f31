import json

import pytest

from trainer.command_line import parse, require_single_replica

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


@pytest.mark.parametrize(
    "config",
    [
        "",
        "{}",
        '{"job": {"job_name": "trainer.task", "args": []}, "task": {}, "cluster": {}, "environment": "cloud"}',
        '{"cluster": {"master": ["127.0.0.1:2222"]}, "task": {"type": "master", "index": 0}}',
        '{"cluster": {"chief": ["127.0.0.1:2222"]}, "task": {"type": "chief", "index": 0, "trial": "1"}}',
    ],
)
def test_a_single_replica_may_train(config: str) -> None:
    require_single_replica(config)


@pytest.mark.parametrize("kind", ["ps", "worker", "evaluator", "chief"])
def test_one_of_several_replicas_may_not(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    cluster = {"chief": ["a:1"], "worker": ["b:1", "c:1"], "ps": ["d:1"]}
    with pytest.raises(SystemExit):
        parse(PATHS, "", json.dumps({"cluster": cluster, "task": {"type": kind, "index": 0}}))
    line = capsys.readouterr().err
    assert f"{kind} 0 of 4 replicas" in line
    assert line.count("\n") == 1


@pytest.mark.parametrize("config", ["{", "[]", '"x"', '{"cluster": 5}', '{"task": [1]}'])
def test_invalid_tf_config_is_an_error(config: str) -> None:
    with pytest.raises(ValueError, match="TF_CONFIG"):
        require_single_replica(config)
