"""The lab's larger run, 100,000 steps of 512 rows from a million-row file, through ``cloud.run`` and outside it.

    python benchmarks/hour.py [--steps 100000] [--rows 1000000]

Prints, from the same run on this machine,
  trainer        wall time of ``trainer.task`` in a new interpreter, on local files
  job            that of the job of ``python -m cloud.run --rows 1000000 --train-steps 100000``, by its report
  whole          that of ``cloud.run`` from its start to its end: sample data, upload, job, deployment, predictions
The target of 60 seconds is for a developer's laptop; ``job / trainer`` is for any machine.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

from processes import seconds
from targets import Targets


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=100_000)
    parser.add_argument("--rows", type=int, default=1_000_000)
    options = parser.parse_args()
    targets = Targets()
    with tempfile.TemporaryDirectory() as scratch:
        data, report = Path(scratch) / "data", Path(scratch) / "report.json"
        made = seconds(sys.executable, "-m", "trainer.sample_data", "--rows", str(options.rows), str(data))
        targets.report("sample data, seconds", made)
        alone = seconds(
            *(sys.executable, "-m", "trainer.task", f"--output_dir={scratch}/out", f"--train_steps={options.steps}"),
            *(f"--train_data_paths={data}/taxi-train*", f"--eval_data_paths={data}/taxi-valid*"),
        )
        targets.report("trainer, seconds", alone)
        whole = seconds(
            *(sys.executable, "-m", "cloud.run", "--rows", str(options.rows), "--report", str(report)),
            f"--train-steps={options.steps}",
        )
        steps = {step["name"]: step["seconds"] for step in json.loads(report.read_text())["steps"]}
    targets.report("job of cloud.run, seconds", steps["train"])
    targets.report("whole cloud.run, seconds", whole)
    targets.report("job / trainer", steps["train"] / alone, at_most=1.1)
    return targets.status


if __name__ == "__main__":
    sys.exit(main())
