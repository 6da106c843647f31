"""Whole training jobs: ``trainer.task`` in this process, and one that is killed in its own process."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from trainer import sample_data, task

ROOT = Path(task.__file__).parents[1]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    sample_data.write(folder, 2000, seed=1)
    return folder


@pytest.fixture
def eagerly() -> Iterator[None]:
    """Run op by op, which is quicker than compiling for a few steps."""
    import tensorflow as tf

    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


def command(data: Path, output: Path, *more: str) -> list[str]:
    paths = ["--train_data_paths", f"{data}/taxi-train*", "--eval_data_paths", f"{data}/taxi-valid.csv"]
    small = ["--train_batch_size", "64", "--hidden_units", "4"]
    return [*paths, "--output_dir", str(output), *small, *more, "--job-dir", str(output)]


def scalars(folder: Path) -> dict[str, dict[int, float]]:
    """The curves in the event files of a folder: {name: {step: value}}."""
    import tensorflow as tf

    curves: dict[str, dict[int, float]] = {}
    for path in sorted(folder.iterdir()):
        for event in tf.compat.v1.train.summary_iterator(str(path)):
            for value in event.summary.value:
                assert value.metadata.plugin_data.plugin_name in ("scalars", "")
                curves.setdefault(value.tag, {})[event.step] = float(tf.make_ndarray(value.tensor))
    return curves


def check_export(folder: Path) -> None:
    """TensorFlow Serving's loader, which saved_model_cli uses, gives the predictions of the Python library."""
    import tensorflow as tf

    from trainer.rows import INPUTS

    row = dict(zip(INPUTS, (-73.98, 40.75, -73.785, 40.645, 2.0), strict=True))
    argv = ["run", "--dir", str(folder), "--tag_set", "serve", "--signature_def", "serving_default"]
    given = ";".join(f"{name}=[{value}]" for name, value in row.items())
    cli = [sys.executable, "-m", "tensorflow.python.tools.saved_model_cli", *argv, "--input_exprs", given]
    done = subprocess.run(cli, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    printed = re.search(r"Result for output key predictions:\n\[\[([-\d.e+]+)\]\]", done.stdout)
    assert printed, done.stdout
    loaded = tf.saved_model.load(str(folder)).signatures["serving_default"]
    (expected,) = loaded(**{name: tf.constant([value]) for name, value in row.items()})["predictions"].numpy()
    assert float(printed[1]) == pytest.approx(float(expected[0]), rel=1e-4)


@pytest.mark.usefixtures("eagerly")
def test_a_job_trains_evaluates_exports_and_is_continued(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # The state after a kill: half of the steps, their checkpoint, an unfinished export.
    assert task.main(command(data, tmp_path, "--train_steps", "10")) == 0
    first = capsys.readouterr().out.splitlines()
    assert first[0].startswith("training on ")
    assert any(re.fullmatch(r"step 10/10 loss=[\d.]+ rmse=[\d.]+ \(\d+ rows/s\)", line) for line in first)
    assert re.fullmatch(r"evaluation step=10 loss=[\d.]+ rmse=[\d.]+ rows=400", first[-2])
    (tmp_path / "export" / "unfinished-1").mkdir()

    assert task.main(command(data, tmp_path, "--train_steps", "20")) == 0
    second = capsys.readouterr().out.splitlines()
    assert second[1] == "continuing from step 10 of an earlier run"
    steps = [int(line.split()[1].split("/")[0]) for line in second if line.startswith("step ")]
    assert steps[0] > 10
    assert steps[-1] == 20

    # Nothing left to train: it evaluates the checkpoint, and exports again.
    assert task.main(command(data, tmp_path, "--train_steps", "20")) == 0
    third = capsys.readouterr().out.splitlines()
    assert not any(line.startswith("step ") for line in third)
    assert third[-2] == second[-2]
    exports = sorted((tmp_path / "export" / "exporter").iterdir())
    assert len(exports) == 3
    assert third[-1] == f"exported {exports[-1]}"

    check_export(exports[-1])

    assert set(scalars(tmp_path / "eval")["rmse"]) == {10, 20}
    assert set(scalars(tmp_path / "train")) == {"loss", "rmse"}
    assert max(scalars(tmp_path / "train")["loss"]) == 20
    output = float(re.search(r"rmse=([\d.]+)", third[-2])[1])  # type: ignore[index]
    assert scalars(tmp_path / "eval")["rmse"][20] == pytest.approx(output, abs=1e-3)

    # Another model into the same folder is refused, in one line.
    assert task.main(command(data, tmp_path, "--train_steps", "20", "--features", "raw")) == 1
    error = capsys.readouterr().err
    assert "holds another model (engineered features, 4 units) than asked for (raw features, 4 units)" in error
    assert error.count("\n") == 1


@pytest.mark.usefixtures("eagerly")
def test_a_killed_job_continues_at_its_checkpoint(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    long = [sys.executable, "-m", "trainer.task", *command(data, tmp_path, "--train_steps", "20000")]
    with subprocess.Popen(long, stdout=subprocess.PIPE, text=True, cwd=ROOT) as killed:
        assert killed.stdout is not None
        reports = (int(found[1]) for line in killed.stdout if (found := re.match(r"step (\d+)/", line)))
        first = next(reports)
        next(reports)  # so that the checkpoint of the first report is written
        killed.kill()
    assert killed.returncode == -9
    assert not (tmp_path / "export" / "exporter").exists()

    assert task.main(command(data, tmp_path, "--train_steps", str(first + 5))) == 0
    output = capsys.readouterr().out
    assert f"continuing from step {first} of an earlier run" in output
    assert f"evaluation step={first + 5} " in output
    assert len(list((tmp_path / "export" / "exporter").iterdir())) == 1


@pytest.mark.usefixtures("eagerly")
def test_the_same_seed_gives_the_same_model(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def evaluation(name: str) -> str:
        flags = ["--train_steps", "20", "--features", "raw", "--seed", "7", "--eval_steps", "2"]
        assert task.main(command(data, tmp_path / name, *flags)) == 0
        return next(line for line in capsys.readouterr().out.splitlines() if line.startswith("evaluation"))

    first = evaluation("a")
    assert first == evaluation("b")
    assert first.endswith("rows=128")


@pytest.mark.usefixtures("eagerly")
def test_a_training_long_enough_for_xla_computes_the_same(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from trainer import training

    scores = []
    for steps in (21, 20):
        monkeypatch.setattr(training, "XLA_STEPS", steps)
        assert task.main(command(data, tmp_path / str(steps), "--train_steps", "20")) == 0
        scores.append(re.search(r"evaluation step=20 loss=([\d.]+)", capsys.readouterr().out))
    by_operations, by_xla = (float(score[1]) for score in scores if score)
    assert by_operations == pytest.approx(by_xla, rel=1e-3)


def test_a_job_evaluates_and_exports_during_training_as_its_flags_say(data: Path, tmp_path: Path) -> None:
    assert (
        task.main(command(data, tmp_path, "--train_steps", "3", "--eval_delay_secs", "0", "--throttle_secs", "0")) == 0
    )
    exports = [int(path.name) for path in (tmp_path / "export" / "exporter").iterdir()]
    assert len(exports) == len(set(exports)) == 3
    assert set(scalars(tmp_path / "eval")["rmse"]) == {1, 2, 3}


@pytest.mark.parametrize(
    ("train", "output"),
    [
        (None, "no file matches"),
        (b"", "no rows"),
        (b"fare_amount,a,b,c,d,e,key\n1,-73.9,40.7,-73.8,40.8,1,k\n", "1 of 2 rows (50.00%)"),
        (b"1,-73.9,40.7,-73.8,40.8,1,k\n" * 50 + b"1,2,3\n", "row 51: 3 columns instead of 7"),
        (b"1,-73.9,40.7,-73.8,40.8,1,k\n" * 50 + b"x,-73.9,40.7,-73.8,40.8,1,k\n", "is not a number: 'x'"),
    ],
    ids=["no file", "empty", "header", "columns", "text"],
)
@pytest.mark.parametrize("which", ["train", "eval"])
def test_data_that_cannot_be_used_fails_the_job_in_one_line_before_training(
    train: bytes | None, output: str, which: str, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if train is not None:
        (tmp_path / "bad.csv").write_bytes(train)
    assert task.main(command(data, tmp_path / "out", f"--{which}_data_paths", f"{tmp_path}/bad*.csv")) == 1
    captured = capsys.readouterr()
    assert output in captured.err
    assert "bad" in captured.err
    assert captured.err.count("\n") == 1
    assert "step " not in captured.out


def test_an_output_folder_that_cannot_be_written_fails_the_job_in_one_line(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    assert task.main(command(data, tmp_path / "file" / "out", "--train_steps", "1")) == 1
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.usefixtures("eagerly")
def test_missing_values_in_a_row_do_not_stop_a_job(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "taxi-train.csv").write_bytes(b"12.0,,,,,,\r\n0,0,0,0,0,0,\r\n7.5,-73.9,40.7,-73.8,40.8,1,k")
    (tmp_path / "taxi-valid.csv").write_bytes(b'"12.0",-73.9,40.7,-73.8,40.8,"1",k')
    assert task.main(command(tmp_path, tmp_path / "out", "--train_steps", "1")) == 0
    rmse = re.search(r"^evaluation .*rmse=([\d.]+)", capsys.readouterr().out, re.MULTILINE)
    assert rmse is not None
    assert np.isfinite(float(rmse[1]))
