"""How soon a job's first line appears, measured against importing TensorFlow.

    python benchmarks/launch.py

All in one run, medians of ROUNDS, interleaved so that the machine's load affects all alike:

- *import*: ``python -c "import tensorflow"`` in a new interpreter, the unit of the others;
- *warm, new package*: install a new source distribution and launch its module, which imports TensorFlow and prints a
  line, until that line is received;
- *warm, known package*: the same with a package that ran before;
- *cold, known package*: for comparison.

Targets: new at most 0.15, known at most 0.05, without the download from the bucket, which takes tens of
milliseconds. Exits with status 1 if one is missed.
"""

import asyncio
import io
import statistics
import sys
import tarfile
import tempfile
import time
import uuid
from math import inf
from pathlib import Path

from cloud.engine.jobs.packages import PackageInstaller
from cloud.engine.launch.client import Command, Interpreter, Launcher, OutputLine
from cloud.engine.runtimes.runtime import PRELOAD
from cloud.settings import LauncherKind, inherited_environ
from processes import seconds
from targets import Targets

ROUNDS = 5
INTERPRETER = Interpreter(preload=PRELOAD)
TARGETS = {"warm, new package": 0.15, "warm, known package": 0.05}
SETUP = "from setuptools import setup, find_packages\nsetup(name='trainer', packages=find_packages())\n"
TASK = "import tensorflow, trainer.model, trainer.data\nprint('first line')\n"
MODULE = "\n".join(f"def function_{number}(x):\n    return x * {number} + 1\n" for number in range(100))


def package(path: Path) -> Path:
    """A trainer of a few hundred lines with unique content."""
    files = {
        "setup.py": SETUP,
        "trainer/__init__.py": f"build = '{uuid.uuid4()}'\n",
        "trainer/task.py": TASK,
        "trainer/model.py": MODULE,
        "trainer/data.py": MODULE,
    }
    with tarfile.open(path, "w:gz") as archive:
        for name, text in files.items():
            info = tarfile.TarInfo(f"trainer-0.0.0/{name}")
            info.size = len(text)
            archive.addfile(info, io.BytesIO(text.encode()))
    return path


async def first_line(launcher: Launcher, installer: PackageInstaller, archive: Path, work: Path) -> float:
    """Seconds from an archive on disk to the first line of its module."""
    received = asyncio.Event()

    def on_output(line: OutputLine) -> None:
        assert line.text == "first line" or line.stream == "stderr", line.text
        if line.stream == "stdout":
            received.set()

    environ = inherited_environ()
    started = time.perf_counter()
    folder = await installer.install(
        archive, work=work, environ=environ, on_output=lambda _: None, interpreter=INTERPRETER
    )
    process = await launcher.launch(Command("trainer.task", (), environ, work, (folder,), INTERPRETER), on_output)
    await received.wait()
    elapsed = time.perf_counter() - started
    assert (await process.wait()).ok
    return elapsed


async def main() -> int:
    times: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        warm, cold = Launcher(LauncherKind.WARM), Launcher(LauncherKind.COLD)
        warm_installer, cold_installer = (PackageInstaller(each, work / "cache") for each in (warm, cold))
        await warm.ready(INTERPRETER)
        await first_line(warm, warm_installer, package(work / "trainer-0.0.0.tar.gz"), work)
        for _ in range(ROUNDS):
            archive = package(work / "trainer-0.0.0.tar.gz")
            measured = {
                "import": await asyncio.to_thread(seconds, sys.executable, "-c", "import tensorflow"),
                "warm, new package": await first_line(warm, warm_installer, archive, work),
                "warm, known package": await first_line(warm, warm_installer, archive, work),
                "cold, known package": await first_line(cold, cold_installer, archive, work),
            }
            for name, value in measured.items():
                times.setdefault(name, []).append(value)
        await asyncio.gather(warm.close(), cold.close())
    unit = statistics.median(times["import"])
    targets = Targets()
    for name, values in times.items():
        median = statistics.median(values)
        text = f"{name:20} {median:8.3f} s  [{min(values):.3f}, {max(values):.3f}], in imports of TensorFlow"
        targets.report(text, median / unit, at_most=TARGETS.get(name, inf))
    return targets.status


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
