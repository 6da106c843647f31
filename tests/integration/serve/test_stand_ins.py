"""The stand-ins of gcloud and gsutil around a cloud; against the real ones, where the Cloud SDK is installed.

They must write the same to the same streams, and end with the same status. What differs from run to run is left out
of the comparison: times, generations, tokens, and gcloud's remarks about the progress of transfers.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from cloud.server.thread import BackgroundCloud
from cloud.settings import GcloudMode, LauncherKind, Settings, inherited_environ

PROJECT = "lab-project"
SCRIPTS = Path(__file__).with_name("stand_ins")
_DIFFERENT = [
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|\+0000| \+0000|\+00:00)?"), "TIME"),
    (re.compile(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT"), "TIME"),
    (re.compile(r"\b1[5-9]\d{14}\b"), "GENERATION"),
    (re.compile(r"(etag\"?:\s+\"?|ETag:\s+)[^\s\"]+", re.IGNORECASE), r"\1ETAG"),
    (re.compile(r"ya29\.\S+"), "TOKEN"),
    (re.compile(r"\b[0-9a-f]{64}\b"), "SHA256"),
    (re.compile(r"\b(real|mine)-bucket"), "BUCKET"),
    (re.compile(r"\b(real|mine)_job"), "JOB"),
    (re.compile(r"[^\r\n]*\r"), ""),  # a line that the next one replaces
    (re.compile(r"^Average throughput: .*$", re.MULTILINE), ""),
    (re.compile(r"^At \S+, worker process.*$", re.MULTILINE), ""),
    (re.compile(r"^\.+(?=Removing |Copying |$)", re.MULTILINE), ""),
    (re.compile(r"^\s*$\n", re.MULTILINE), ""),
]


@dataclass(frozen=True)
class Done:
    command: str
    status: int
    out: str
    err: str


@pytest.fixture(scope="module")
def cloud() -> Iterator[BackgroundCloud]:
    with BackgroundCloud(Settings(project=PROJECT, launcher=LauncherKind.COLD, gcloud=GcloudMode.EMULATED)) as cloud:
        yield cloud


class Shell:
    """Runs command lines as a notebook's cell does."""

    def __init__(self, cloud: BackgroundCloud, folder: Path, *, is_real: bool = False) -> None:
        self.folder, self.prefix = folder, "real" if is_real else "mine"
        self.environ = inherited_environ() | cloud.environ | {"HOME": str(folder), "TZ": "UTC"}
        if is_real:
            _, *paths = self.environ["PATH"].split(os.pathsep)
            self.environ["PATH"] = os.pathsep.join(paths)

    def run(self, line: str) -> Done:
        line = line.replace("BUCKET", f"{self.prefix}-bucket").replace("JOB", f"{self.prefix}_job")
        done = subprocess.run(
            ["bash", "-c", line],
            cwd=self.folder,
            env=self.environ,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=100,
            check=False,
        )
        out, err = (text.replace(str(self.folder), "FOLDER") for text in (done.stdout, done.stderr))
        return Done(line, done.returncode, out, err)


def plain(text: str) -> str:
    for pattern, instead in _DIFFERENT:
        text = pattern.sub(instead, text)
    return "\n".join(line.rstrip() for line in text.splitlines())


@pytest.mark.skipif(
    shutil.which("gcloud") is None or shutil.which("gsutil") is None, reason="the Cloud SDK is not installed"
)
@pytest.mark.timeout(900)
@pytest.mark.parametrize("script", sorted(SCRIPTS.glob("*.sh")), ids=lambda path: path.stem)
def test_a_script_does_the_same_with_the_real_ones(cloud: BackgroundCloud, script: Path, tmp_path: Path) -> None:
    """Each line of the script is a command. The real ones run first: their buckets are not the stand-ins'."""
    lines = [line for line in script.read_text().splitlines() if line and not line.startswith("#")]
    found: dict[bool, list[Done]] = {}
    for is_real in (True, False):
        folder = tmp_path / str(is_real)
        folder.mkdir()
        shell = Shell(cloud, folder, is_real=is_real)
        found[is_real] = [shell.run(line) for line in lines]
        shell.run("gsutil -m rm -r gs://BUCKET")
    for real, mine in zip(found[True], found[False], strict=True):
        assert (mine.status, plain(mine.out), plain(mine.err)) == (real.status, plain(real.out), plain(real.err)), (
            f"{mine.command}\n--- real:\n{real.out}{real.err}\n--- stand-in:\n{mine.out}{mine.err}"
        )


class TestWithoutTheSdk:
    @pytest.fixture
    def shell(self, cloud: BackgroundCloud, tmp_path: Path) -> Shell:
        return Shell(cloud, tmp_path)

    def test_it_says_what_it_is(self, shell: Shell) -> None:
        for command in ("gcloud version", "gcloud --version", "gsutil version"):
            assert "stand-in" in shell.run(command).out

    @pytest.mark.parametrize(
        ("command", "status", "words"),
        [
            ("gcloud builds submit", 2, ["(gcloud) Invalid choice: 'builds'", "stand-in"]),
            ("gcloud ai-platform jobs lst", 2, ["Invalid choice: 'lst'", "'list'", "stand-in"]),
            ("gcloud ai-platform jobs list --formt=json", 2, ["--formt=json", "'--format'", "stand-in"]),
            ("gcloud ai-platform versions create v1", 2, ["argument --model: Must be specified"]),
            ("gcloud storage ls --flags-file=a", 2, ["--flags-file"]),
            ("gsutil signurl x", 1, ['Invalid command "signurl"', "stand-in"]),
            ("gsutil ls -Z", 1, ["Incorrect option(s) specified", "stand-in"]),
        ],
    )
    def test_what_it_has_not_is_refused_by_name(
        self, shell: Shell, command: str, status: int, words: list[str]
    ) -> None:
        done = shell.run(command)
        assert done.status == status
        assert not done.out
        assert all(word in done.err for word in words), done.err

    def test_configuration_is_the_clouds_own(self, shell: Shell) -> None:
        assert shell.run("gcloud config get-value project").out == f"{PROJECT}\n"
        assert shell.run("gcloud config list --format 'value(core.project)' 2>/dev/null").out == f"{PROJECT}\n"

    def test_objects_go_to_the_bucket_and_back(self, shell: Shell) -> None:
        for command in (
            "mkdir -p data/inner; seq 1000 > data/a.csv; seq 10 > data/inner/b.csv",
            "gsutil mb -l us-central1 gs://BUCKET-files",
            "gsutil -m cp -r data gs://BUCKET-files/",
            "gcloud storage cp --recursive gs://BUCKET-files/data back/ 2>&1 || mkdir back",
            "gcloud storage cp --recursive gs://BUCKET-files/data back/",
            "diff -r data back/data",
            "head -c 20000000 /dev/urandom > large; gsutil -q cp large gs://BUCKET-files/large",
            "gsutil cat gs://BUCKET-files/large | cmp - large",
        ):
            done = shell.run(command)
            assert done.status == 0, (command, done)
        assert shell.run("gsutil ls gs://BUCKET-files/data/ | tail -1").out == "gs://mine-bucket-files/data/inner/\n"
        assert shell.run("gsutil ls 'gs://BUCKET-files/**.csv' | wc -l").out.strip() == "2"

    def test_without_a_cloud_it_says_how_to_have_one(self, shell: Shell) -> None:
        done = shell.run("unset STORAGE_EMULATOR_HOST; gcloud storage ls")
        assert done.status == 1
        assert "python -m cloud.serve" in done.err

    def test_a_cloud_that_has_ended(self, shell: Shell) -> None:
        done = shell.run("STORAGE_EMULATOR_HOST=http://127.0.0.1:9 gsutil ls")
        assert done.status == 1
        assert "no local cloud answers" in done.err
