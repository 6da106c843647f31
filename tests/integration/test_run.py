"""``python -m cloud.run`` as a user starts it: its output, report, exit status and the files that it leaves."""

import json
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest
from packaging.utils import NormalizedName, canonicalize_name

from cloud.engine.runtimes import view_build
from cloud.engine.runtimes.view import view_of_installed
from cloud.engine.runtimes.visibility import PRODUCT, hidden_names
from cloud.testing.contract.probes import trainer
from cloud.workflow.taxifare import package_path
from integration.user_environ import user_environ

LAB_DATA = Path(__file__).parents[3] / "shared" / "data"
STEPS = ["bucket", "grant", "data", "package", "train", "deploy", "predict", "evaluate", "clean up"]


def start(*flags: str, cwd: Path, **variables: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "cloud.run", *flags]
    environ = {**user_environ(), **variables}
    return subprocess.Popen(
        command,
        cwd=cwd,
        env=environ,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def run(*flags: str, cwd: Path, **variables: str) -> tuple[int, str]:
    process = start(*flags, cwd=cwd, **variables)
    output, _ = process.communicate(timeout=150)
    return process.returncode, output


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A small folder with the lab's files."""
    folder = tmp_path / "data"
    command = [sys.executable, "-m", "trainer.sample_data", "--rows", "600", "--seed", "3", str(folder)]
    subprocess.run(command, check=True, capture_output=True, cwd=package_path().parent)
    return folder


@pytest.fixture
def google_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store whose view of the installed environment holds what Google's image holds, and nothing else."""

    def all_but_googles(requires: Mapping[NormalizedName, Iterable[str]]) -> set[NormalizedName]:
        return hidden_names({**requires, PRODUCT: list(requires)})

    monkeypatch.setattr(view_build, "hidden_names", all_but_googles)
    view_of_installed(tmp_path / "runtimes")
    return tmp_path / "runtimes"


@pytest.mark.timeout(200)
def test_the_labs_model_goes_through_the_whole_workflow_in_googles_image(tmp_path: Path, google_image: Path) -> None:
    data = ["--data-dir", str(LAB_DATA)] if LAB_DATA.is_dir() else []
    status, output = run(*data, "--report", "report.json", cwd=tmp_path, CLOUD_RUNTIMES=str(google_image))
    assert status == 0, output
    (view,) = google_image.glob("view-*")  # no other one was made
    hidden = json.loads((view / "runtime.json").read_text())["hidden"]
    assert {"offline-ml-cloud", "aiohttp", "pyarrow", "pytest", "uv"} <= set(hidden)
    program = "import importlib.metadata as m; print(*{each.name for each in m.distributions()})"
    seen = subprocess.check_output([view / "bin" / "python", "-c", program], text=True, cwd=view).split()
    assert {canonicalize_name(name) for name in seen} & set(hidden) == set()
    report = json.loads((tmp_path / "report.json").read_text())
    assert [step["name"] for step in report["steps"]] == STEPS
    assert report["backend"] == "local"
    assert report["project"] == "local-project"
    assert report["job"]["state"] == "SUCCEEDED"
    assert report["job"]["startTime"] < report["job"]["endTime"]
    assert report["model"]["name"] == "taxifare"
    assert report["model"]["uri"].startswith(f"gs://{report['bucket']}/{report['job']['id']}/output/export/exporter/")
    assert len(report["predictions"]) == 3
    assert report["error"] is None
    # The lab's evaluation file has five invalid rows: predicting the mean has an RMSE of 10.4 there.
    assert report["metrics"]["rmse"] <= (4.75 if data else 6.0)
    assert f"RMSE on the whole evaluation file: {report['metrics']['rmse']:.4f}" in output
    assert "Predicted fares" in output
    assert report["seconds"] == pytest.approx(sum(step["seconds"] for step in report["steps"]), rel=0.3)


def test_another_trainer_and_keep_leaves_everything_running_until_it_is_stopped(tmp_path: Path) -> None:
    source = """
        import os, sys
        import tensorflow as tf

        data, output = sys.argv[1:]
        assert os.environ["AIP_MODEL_DIR"] == output + "/model/"
        print("the kind is", os.environ["KIND"])
        print("first line of", data, tf.io.gfile.GFile(data + "/notes.txt").readline())

        class Answer(tf.Module):
            @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, "question")])
            def serve(self, question):
                return {"answer": question + 1}

        model = Answer()
        for number in (9, 10):
            tf.saved_model.save(model, f"{output}/model/{number}", signatures=model.serve)
        print("step 1/1")
    """
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "notes.txt").write_text("anything at all\n")
    (tmp_path / "instances.json").write_text('{"question": 1}\n{"question": 2}\n')
    trainer(tmp_path, source, package="mine")
    process = start(
        "--module", "mine.task", "--data-dir", "data", "--env", "KIND=own", "--no-job-dir", "--json-instances",
        "instances.json", "--report", "report.json", "--keep", "--", "{data}", "{output}", cwd=tmp_path,
    )  # fmt: skip
    assert process.stdout is not None
    seen = []
    for line in process.stdout:
        seen.append(line)
        if "Ctrl-C ends it" in line:
            break
    (script,) = [line.split()[1] for line in seen if line.strip().startswith(". ")]
    (export,) = [line.rpartition("EXPORT:")[2].strip(" )\n") for line in seen if "EXPORT:" in line]
    shell = (
        f". {script} && {sys.executable} -m cloud.local_predict --model-dir {export} --json-instances instances.json"
    )
    done = subprocess.run(["sh", "-c", shell], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert done.returncode == 0, done.stderr
    assert "2.0" in done.stdout
    assert not Path(script).exists()

    report = json.loads((tmp_path / "report.json").read_text())
    assert any("anything at all" in line for line in seen)
    assert any("the kind is own" in line for line in seen)
    assert report["model"]["name"] == "mine"
    assert report["model"]["uri"].endswith("/output/model/10")
    assert report["metrics"]["rmse"] is None
    assert report["predictions"] == [
        {"instance": {"question": number}, "prediction": {"answer": number + 1.0}} for number in (1, 2)
    ]
    assert any('{"answer": 3.0}' in line for line in seen)


def test_a_failing_trainer_is_explained_and_its_resources_are_removed(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "x").write_text("1")
    source = """
        import urllib.request

        for _ in range(2):
            urllib.request.urlopen("https://storage.googleapis.com/storage/v1/b?project=local-project").read()
        try:
            urllib.request.urlopen("https://example.com/")
        except OSError as error:
            raise ValueError("not today") from error
    """
    mine = trainer(tmp_path, source)
    status, output = run(
        "--package-path", str(mine), "--module", "probe.task", "--data-dir", "data", "--report", "report.json",
        "--launcher", "cold", "--iam", "soft", cwd=tmp_path,
    )  # fmt: skip
    assert status == 1
    assert "train failed" in output
    assert "ValueError: not today" in output
    assert "What to do:" in output
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["error"]["step"] == "train"
    assert "not today" in report["error"]["message"]
    assert report["job"]["state"] == "FAILED"
    assert report["steps"][-1]["name"] == "clean up"
    violation = "Anonymous caller does not have storage.buckets.list on the project: strict mode refuses this"
    assert f"Not allowed: {violation}, 2 times\n" in output
    assert "Asked for in vain: example.com:443 (" in output


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        (["--data-dir", "missing"], "--data-dir: no such folder: missing"),
        (["--data-dir", "empty"], "--data-dir: the folder is empty: empty"),
        (["--data-dir", "other"], "taxi-train*"),
        (["--bucket", "Illegal_Bucket"], "Invalid bucket name 'Illegal_Bucket'"),
        (["--project", "x"], "project id"),
        (["--module", "a.b"], "--package-path: is missing: the folder of a.b's package"),
        (["--package-path", "mine"], "--module: is missing"),
        (["--packages", "mine-1.tar.gz"], "--module: is missing"),
        (["--no-job-dir"], "--module: is missing"),
        (["--module", "mine.task", "--packages", "a.whl,b.whl"], "--packages: no such file: a.whl"),
        (["--module", "mine.task", "--env", "KIND"], "--env: 'KIND' is not NAME=VALUE"),
        (["--module", "mine.task", "--env", "TF_CONFIG={}"], "--env: TF_CONFIG is set by the platform"),
        (["--module", "mine.task", "--rows", "1"], "--rows: is of the sample data"),
        (["--module", "mine.task", "--train-steps", "1"], "--train-steps: is for the taxi-fare trainer"),
        (
            ["--module", "mine.task", "--json-instances", "other/notes.txt"],
            "--json-instances: other/notes.txt: No valid",
        ),
        (
            [*("--backend", "gcp", "--project", "my-project", "--service", "ml-engine"), "--env", "KIND=x"],
            "--env: ML Engine's jobs have no variables",
        ),
        (["--backend", "gcp", "--project", "my-project", "--service-agents", "bare"], "--service-agents: is not for"),
        (["--", "--flag"], "arguments need --module"),
        (["--backend", "gcp"], "--backend gcp needs a project of yours"),
        (["--report", "missing/report.json"], "--report"),
        (["--package-path", "empty", "--module", "a b"], "not a Python module name"),
        (["--train-steps", "0"], "--train-steps"),
        (["--rows", "0"], "--rows"),
        (["--scale-tier", "CUSTOM"], "--scale-tier"),
        (["--service", "ml-engine"], "--service: is not for --backend local"),
        (["--package-path", "other", "--module", "other.task"], "other is no package: it has no __init__.py"),
        (["--package-path", "mine", "--module", "mine.tsak"], "--module: there is no mine.tsak in "),
        (["--package-path", "mine", "--module", "trainer.task"], "--module: there is no trainer.task in "),
    ],
    ids=str,
)
def test_a_mistake_is_one_clear_line_before_anything_is_created(
    tmp_path: Path, flags: list[str], expected: str
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "notes.txt").touch()
    (tmp_path / "mine").mkdir()
    for name in ("__init__.py", "task.py"):
        (tmp_path / "mine" / name).touch()
    status, output = run(*flags, cwd=tmp_path)
    assert status == 2
    assert expected in output
    assert "Traceback" not in output
    assert "Make the bucket" not in output


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_cancels_the_job_and_cleans_up(tmp_path: Path, data: Path, number: signal.Signals) -> None:
    mine = trainer(tmp_path, "import signal; print('in the middle', flush=True); signal.pause()")
    process = start(
        "--package-path", str(mine), "--module", "probe.task", "--data-dir", str(data), "--report", "report.json",
        "--state", "state", "--launcher", "cold", cwd=tmp_path,
    )  # fmt: skip
    assert process.stdout is not None
    seen = []
    for line in process.stdout:
        seen.append(line)
        if "in the middle" in line:
            break
    process.send_signal(number)
    rest, _ = process.communicate(timeout=60)
    output = "".join(seen) + rest
    assert process.returncode == 130, output
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["job"]["state"] == "CANCELLED", output
    assert report["steps"][-1]["name"] == "clean up"
    assert not list((tmp_path / "state" / "work").iterdir())
    media = tmp_path / "state" / "storage" / "media"
    assert not [path for path in media.rglob("*") if path.is_file() and path.suffix != ".bucketMetadata"]
    assert "Traceback" not in output


def test_a_second_run_in_the_same_state_folder_is_refused(tmp_path: Path, data: Path) -> None:
    mine = trainer(tmp_path, textwrap.dedent("import signal; print('holding', flush=True); signal.pause()"))
    flags = ["--package-path", str(mine), "--module", "probe.task", "--data-dir", str(data), "--state", "state"]
    first = start(*flags, "--launcher", "cold", cwd=tmp_path)
    assert first.stdout is not None
    for line in first.stdout:
        if "holding" in line:
            break
    status, output = run(*flags, "--launcher", "cold", cwd=tmp_path)
    first.send_signal(signal.SIGINT)
    first.communicate(timeout=60)
    assert status == 1
    assert f"in use by process {first.pid}" in output
