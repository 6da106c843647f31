"""The examples in README.md and the guides: those of Google's clients, run in one local cloud, and the tests."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cloud.server.thread import BackgroundCloud
from cloud.settings import LauncherKind, Settings, inherited_environ
from cloud.testing.contract.probes import trainer

ROOT = Path(__file__).parents[2]
GUIDES = ROOT / "docs" / "guides"
CLIENTS = (GUIDES / "clients.md").read_text()


def blocks(language: str, document: Path) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", document.read_text(), re.DOTALL | re.MULTILINE)


TESTS = [*blocks("python", GUIDES / "ci.md"), *blocks("python", GUIDES / "pytest.md")]
README_TESTS = blocks("python", ROOT / "README.md")
TRAINER = """
import argparse
import tensorflow as tf

parser = argparse.ArgumentParser()
parser.add_argument("--job-dir", required=True)
parser.add_argument("--factor", type=float, required=True)
given = parser.parse_args()


class Multiply(tf.Module):
    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, "x")])
    def serve(self, x):
        return {"y": given.factor * x}


model = Multiply()
tf.saved_model.save(model, f"{given.job_dir}/export", signatures=model.serve)
print("trained")
"""
EXAMPLES = {
    title: (language, source)
    for title, language, source in re.findall(
        r"^([^\n,:]+)[^\n]*:\n\n```(sh|python)\n(.*?)^```$", CLIENTS, re.DOTALL | re.MULTILINE
    )
}
EXPECTED = {
    "curl": '"name":"a.txt"',
    "curl with a token": '"serviceAccount":"service-',
    "google-cloud-storage": "some text",
    "googleapiclient": "service-",
    "google-cloud-aiplatform": "endpoints: []",
    "gcloud-aio-storage": "b'some text'",
    "gcsfs": "b'some text'",
    "TensorFlow": "some text",
    "TensorBoard": "TensorBoard 2.",
    "rclone": "some text",
    "restic": "1 snapshots",
    "gsutil": "some text",
    "gcloud": "some text",
}
GSUTIL = os.environ.get("GSUTIL") or shutil.which("gsutil")
PROGRAMS = {"gsutil": GSUTIL} | {name: shutil.which(name) for name in ("gcloud", "rclone", "restic")}


def skip_marks(client: str) -> list[pytest.MarkDecorator]:
    return [pytest.mark.skipif(client in PROGRAMS and not PROGRAMS[client], reason=f"{client} is not installed")]


@pytest.fixture(scope="module")
def environ() -> Iterator[dict[str, str]]:
    with BackgroundCloud(Settings(launcher=LauncherKind.COLD)) as cloud:
        path = [str(Path(program).parent) for program in (sys.executable, GSUTIL) if program]
        ours = {"HOME": str(cloud.state_dir), "PATH": os.pathsep.join([*path, os.environ["PATH"]])}
        where = {name: value for name, value in os.environ.items() if name == "PYTHONPATH"}
        yield inherited_environ() | where | cloud.environ | ours


def test_there_is_an_example_of_each_client() -> None:
    assert set(EXAMPLES) == set(EXPECTED)


@pytest.fixture(scope="module")
def text(environ: dict[str, str]) -> None:
    """The objects that the first example creates, so that each other one can run alone."""
    subprocess.run(["sh", "-ec", EXAMPLES["curl"][1]], env=environ, capture_output=True, check=True)


@pytest.mark.clients
@pytest.mark.parametrize("client", [pytest.param(client, marks=skip_marks(client)) for client in EXPECTED])
def test_an_example_runs_as_it_is(environ: dict[str, str], text: None, tmp_path: Path, client: str) -> None:
    language, source = EXAMPLES[client]
    command = ["sh", "-ec", source] if language == "sh" else [sys.executable, "-c", source]
    out = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    with subprocess.Popen(command, env=environ, cwd=tmp_path, start_new_session=True, **out) as process:
        output = ""
        try:
            for line in process.stdout:
                output += line.replace('": "', '":"')
                if client == "TensorBoard" and EXPECTED[client] in output:  # it runs until it is stopped
                    os.killpg(process.pid, signal.SIGTERM)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    assert EXPECTED[client] in output
    assert process.returncode == (-signal.SIGTERM if client == "TensorBoard" else 0), output


@pytest.mark.clients
@pytest.mark.skipif(not PROGRAMS["gcloud"], reason="gcloud is not installed")
def test_the_commands_of_the_guide_to_buckets(environ: dict[str, str]) -> None:
    commands = "\n".join(blocks("sh", GUIDES / "storage.md"))
    done = subprocess.run(["sh", "-ec", commands], env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    versions = re.findall(r"^gs://kept-bucket/a.txt#\d+$", done.stdout, re.MULTILINE)
    assert len(versions) == 2, done.stdout
    assert "kept-bucket: 0 deleted" in done.stdout


def start_project(folder: Path) -> dict[str, str]:
    """Write the trainer that the examples name; returns the environment to run them in."""
    trainer(folder, TRAINER, package="mytrainer")
    (folder / "instances.json").write_text('{"x": 1.0}\n')
    return inherited_environ() | {"HOME": str(folder), "PYTHONPATH": str(ROOT)}


@pytest.mark.timeout(200)
def test_the_tests_pass_in_any_order(tmp_path: Path) -> None:
    environ = start_project(tmp_path)
    (tmp_path / "test_mine.py").write_text("".join(TESTS))
    (tmp_path / "test_readme.py").write_text("".join(README_TESTS))
    tests = [f"test_mine.py::{name}" for name in re.findall(r"def (test_\w+)", "".join(TESTS))]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *reversed(tests), "test_readme.py"]
    done = subprocess.run(command, env=environ, cwd=tmp_path, capture_output=True, text=True, timeout=180, check=False)
    assert "5 passed" in done.stdout, done.stdout + done.stderr


@pytest.mark.timeout(200)
def test_the_commands_of_the_ci_workflow_succeed_and_the_report_has_the_predictions(tmp_path: Path) -> None:
    (workflow,) = blocks("yaml", GUIDES / "ci.md")
    install, *commands = re.findall(r"^      - run: (.*)$", workflow, re.MULTILINE)
    assert install.startswith("pip install ")
    environ = start_project(tmp_path)
    (tmp_path / "tests").mkdir()
    fixtures = "local_cloud_settings, request"
    check = "assert request.config.pluginmanager.hasplugin('local_cloud')"
    (tmp_path / "tests" / "test_mine.py").write_text(f"def test_it({fixtures}):\n    {check}\n")
    environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environ['PATH']}"
    for command in commands:
        done = subprocess.run(
            ["bash", "-e", "-c", command], env=environ, cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["predictions"] == [{"instance": {"x": 1.0}, "prediction": {"y": 2.0}}]
    assert re.search(r"path: (.*)", workflow)[1] == "report.json"
