"""A training that is killed, for real, and started again."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
STEPS = 100_000


def steps(line: str) -> int:
    found = re.match(r"step (\d+)/", line)
    return int(found[1]) if found else 0


def test_a_killed_training_continues_at_its_checkpoint(tmp_path: Path) -> None:
    write = [sys.executable, "-m", "trainer.sample_data", "--rows", "2000", str(tmp_path / "data")]
    subprocess.run(write, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    train = [sys.executable, "-m", "trainer.task", "--output_dir", str(tmp_path / "out")]
    train += ["--train_data_paths", f"{tmp_path}/data/taxi-train.csv"]
    train += ["--eval_data_paths", f"{tmp_path}/data/taxi-valid.csv"]
    train += ["--train_batch_size", "32", "--hidden_units", "4", "--train_steps"]

    def start(train_steps: int) -> "subprocess.Popen[str]":
        return subprocess.Popen([*train, str(train_steps)], cwd=ROOT, stdout=subprocess.PIPE, text=True)

    with start(STEPS) as killed:
        assert killed.stdout is not None
        reports = (step for line in killed.stdout if (step := steps(line)))
        first = next(reports)
        next(reports)  # so that the checkpoint of the first report is written
        killed.kill()
    assert killed.returncode == -9
    assert not (tmp_path / "out" / "export" / "exporter").exists()

    with start(first + 50) as continued:
        assert continued.stdout is not None
        said = continued.stdout.read()
    assert continued.returncode == 0
    assert f"continuing from step {first} of an earlier run" in said
    assert f"evaluation step={first + 50} " in said
    assert len(list((tmp_path / "out" / "export" / "exporter").iterdir())) == 1
