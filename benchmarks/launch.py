"""How soon a job's first line appears, measured against importing TensorFlow.

    python benchmarks/launch.py

All in one run, medians of ROUNDS, interleaved so that the machine's load affects all alike:

- *import*: ``python -c "import tensorflow"`` in a new interpreter, the unit of the others;
- *new package*: install a new source distribution and launch its module, which imports TensorFlow and prints a line,
  until that line is received;
- *known package*: the same with a package that ran before;
- *known layer*: the same, and it requires a distribution that is installed as a layer which another job had;
- *second runtime*: a known package in another virtual environment, with a fork server of its own;
- *cold*: a known package in a fresh interpreter, for comparison.

Without the download from the bucket, which takes tens of milliseconds. Exits with status 1 if a target is missed.
"""

import asyncio
import io
import os
import statistics
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
import time
import uuid
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from math import inf
from pathlib import Path

from cloud.engine.jobs.packages import PackageInstaller
from cloud.engine.launch.client import Command, Interpreter, Launcher, OutputLine
from cloud.engine.runtimes.requirements import Requirements
from cloud.engine.runtimes.runtime import PRELOAD, Runtime, building
from cloud.settings import LauncherKind, RequirementsMode, inherited_environ
from processes import seconds
from targets import Targets

ROUNDS = 5
TARGETS = {"new package": 0.1, "known package": 0.03}
INTERPRETER = Interpreter(preload=PRELOAD)
SITE = Path(sysconfig.get_path("purelib"))
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


def wheelhouse(folder: Path) -> Path:
    """A folder with the wheel of ``rates``."""
    folder.mkdir()
    with zipfile.ZipFile(folder / "rates-1-py3-none-any.whl", "w") as archive:
        archive.writestr("rates.py", "rate = 2.5\n")
        archive.writestr("rates-1.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr("rates-1.dist-info/METADATA", "Metadata-Version: 2.1\nName: rates\nVersion: 1\n")
        archive.writestr("rates-1.dist-info/RECORD", "rates.py,,\n")
    return folder


def second_environment(folder: Path) -> Interpreter:
    """A virtual environment that has what is installed here."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    site = folder / "lib" / f"python{sysconfig.get_python_version()}" / "site-packages"
    (site / "base.pth").write_text(f"import site; site.addsitedir({str(SITE)!r})\n")
    return Interpreter(folder / "bin" / "python", PRELOAD)


class Jobs:
    """Runs jobs as an execution does, from their archive on disk."""

    def __init__(self, work: Path) -> None:
        self._work = work
        self.launcher = Launcher(LauncherKind.WARM)
        self._installer = PackageInstaller(self.launcher, work / "cache")
        environ = {"PATH": os.environ["PATH"], "UV_FIND_LINKS": str(wheelhouse(work / "wheels"))}
        self._requirements = Requirements(work / "layers", RequirementsMode.OFFLINE, environ=environ)

    async def first_line(self, archive: Path, interpreter: Interpreter, stated: Sequence[str] = ()) -> float:
        """Seconds to the first line of the package's module."""
        received = asyncio.Event()

        def on_output(line: OutputLine) -> None:
            assert line.text == "first line" or line.stream == "stderr", line.text
            if line.stream == "stdout":
                received.set()

        environ = inherited_environ()
        started = time.perf_counter()
        folder = await self._installer.install(
            archive, work=self._work, environ=environ, on_output=lambda _: None, interpreter=interpreter
        )
        runtime = Runtime("benchmark", "", interpreter, (SITE,))
        environment = await self._requirements.install(runtime, [folder], stated, work=self._work, log=lambda *_: None)
        path = (folder, *environment.import_path)
        process = await self.launcher.launch(
            Command("trainer.task", (), environ, self._work, path, environment.interpreter), on_output
        )
        await received.wait()
        elapsed = time.perf_counter() - started
        assert (await process.wait()).ok
        return elapsed


async def main() -> int:
    times: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        second = second_environment(work / "second")
        jobs = Jobs(work)
        known = package(work / "trainer-0.0.0.tar.gz")
        for interpreter in (INTERPRETER, second):
            await jobs.launcher.ready(interpreter)
            await jobs.first_line(known, interpreter)
        await jobs.first_line(known, INTERPRETER, ["rates"])
        for number in range(ROUNDS):
            new = package(work / f"trainer-0.0.{number}.tar.gz")
            await jobs.launcher.ready(building(INTERPRETER))
            measured = {
                "import": await asyncio.to_thread(seconds, sys.executable, "-c", "import tensorflow"),
                "new package": await jobs.first_line(new, INTERPRETER),
                "known package": await jobs.first_line(known, INTERPRETER),
                "known layer": await jobs.first_line(known, INTERPRETER, ["rates"]),
                "second runtime": await jobs.first_line(known, second),
                "cold": await jobs.first_line(known, replace(INTERPRETER, preload=())),
            }
            for name, value in measured.items():
                times.setdefault(name, []).append(value)
        await jobs.launcher.close()
    median = {name: statistics.median(values) for name, values in times.items()}
    targets = Targets()
    for name, values in times.items():
        text = f"{name:16} {median[name]:8.3f} s  [{min(values):.3f}, {max(values):.3f}], in imports of TensorFlow"
        targets.report(text, median[name] / median["import"], at_most=TARGETS.get(name, inf))
    targets.report("second runtime, in the default's", median["second runtime"] / median["known package"], at_most=2)
    added = max(median["known layer"] - median["known package"], 0)
    targets.report("a known layer, in seconds more", added, at_most=0.15)
    return targets.status


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
