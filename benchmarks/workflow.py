"""The whole workflow relative to the trainer alone, and the memory of an idle local cloud.

    python benchmarks/workflow.py [--data-dir DIR] [--rounds 3]

Prints, as medians over interleaved rounds:
  workflow/trainer   wall time of ``python -m cloud.run`` over that of the same trainer alone in a new interpreter
                     (same data, same arguments, local files)
  idle megabytes     proportional set size of the local cloud's processes, without those that have TensorFlow loaded
"""

import argparse
import asyncio
import os
import statistics
import sys
import tempfile
from pathlib import Path

from cloud.serve import LocalCloud
from cloud.settings import LauncherKind, Settings
from processes import descendants, proportional_megabytes, seconds


def workflow(data: Path) -> float:
    return seconds(sys.executable, "-m", "cloud.run", "--data-dir", str(data))


def trainer(data: Path) -> float:
    with tempfile.TemporaryDirectory() as output:
        return seconds(
            *(sys.executable, "-m", "trainer.task", f"--output_dir={output}/out"),
            *(f"--train_data_paths={data}/taxi-train*", f"--eval_data_paths={data}/taxi-valid*"),
        )


async def idle_megabytes() -> float:
    """With a cold launcher, since a warm one has TensorFlow loaded."""
    async with LocalCloud(Settings(launcher=LauncherKind.COLD)) as cloud:
        await cloud.backend.create_bucket("some-bucket")
        return sum(map(proportional_megabytes, [os.getpid(), *descendants(os.getpid())]))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        data = options.data_dir
        if data is None:
            data = Path(scratch)
            seconds(sys.executable, "-m", "trainer.sample_data", "--rows", "20000", "--seed", "1", str(data))
        pairs = [(workflow(data), trainer(data)) for _ in range(options.rounds)]
    for whole, alone in pairs:
        print(f"workflow {whole:6.1f} s   trainer alone {alone:6.1f} s   ratio {whole / alone:.2f}")
    print(f"workflow/trainer  {statistics.median(whole / alone for whole, alone in pairs):.2f}")
    print(f"idle megabytes    {asyncio.run(idle_megabytes()):.0f}")


if __name__ == "__main__":
    main()
