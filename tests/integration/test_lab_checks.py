"""The lab's checks against a cloud, through a learner's mistakes one after another: each gets its own words.

The tests of a class are one story, in their order.
"""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cloud.engine.project.identities import custom_code_agent, vertex_service_agent
from cloud.lab import check
from cloud.lab.api import Api
from cloud.lab.check import NotYet
from cloud.lab.checks import CHECKS, Lab, look
from cloud.lab.checks.outcome import Outcome
from cloud.names import GsUri
from cloud.resources import Access, Json
from cloud.server.thread import BackgroundCloud
from cloud.settings import ServiceAgents, Settings
from cloud.testing.contract.probes import wheel
from cloud.workflow.taxifare import TEST_INSTANCES

pytestmark = pytest.mark.timeout(200)
BUCKET, REGION = "learners-ml", "us-central1"
ML, STORAGE, VERTEX = "ml.googleapis.com", "storage.googleapis.com", f"{REGION}-aiplatform.googleapis.com"
EVALUATED = "print('evaluation step=9 loss=1.0 rmse=4.5 rows=3')"
EXPORT = """
import sys
import tensorflow as tf

NAMES = ("pickuplon", "pickuplat", "dropofflon", "dropofflat", "passengers")


class Fares(tf.Module):
    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name) for name in NAMES])
    def serve(self, pickuplon, pickuplat, dropofflon, dropofflat, passengers):
        return {"predictions": (5.0 + passengers + 0.0 * (pickuplon + pickuplat + dropofflon + dropofflat))[:, None]}


model = Fares()
folder = next(word for word in sys.argv if word.startswith("--output_dir=")).partition("=")[2]
tf.saved_model.save(model, f"{folder}/export/exporter/1", signatures={"serving_default": model.serve})
print("evaluation step=9 loss=1.0 rmse=4.5 rows=3")
"""


class Learner:
    """His folder, and his requests as the owner of a cloud."""

    def __init__(self, cloud: BackgroundCloud, folder: Path) -> None:
        self.cloud, self.folder = cloud, folder
        self.api = Api(cloud.environ)
        self.project = cloud.project
        self._jobs = 0

    def look(self, name: str) -> Outcome:
        """A check's outcome, which has words in both languages."""
        outcome = look(name, Lab(self.cloud.environ, self.folder))
        assert outcome.english
        assert outcome.spanish
        assert "\n" not in outcome.line("en") + outcome.line("es")
        return outcome

    def refused(self, name: str) -> str:
        outcome = self.look(name)
        assert not outcome.is_done, outcome.english
        assert outcome.spanish != outcome.english
        return outcome.english

    def choose(self, *, project: str = "", bucket: str = BUCKET, region: str = REGION) -> None:
        names = {"PROJECT": project or self.project, "BUCKET": bucket, "REGION": region}
        (self.folder / "names.env").write_text("".join(f"{name}={value}\n" for name, value in names.items()))

    def grant(self, access: Access, account: str = "") -> None:
        backend = self.cloud.backend
        account = account or self.cloud.run(backend.ml_service_account())
        self.cloud.run(backend.grant(BUCKET, account, access))

    def upload(self, name: str, content: bytes) -> None:
        file = self.folder / "upload.tmp"
        file.write_bytes(content)
        self.cloud.run(self.cloud.backend.upload(file, GsUri(BUCKET, name)))
        file.unlink()

    def submit(self, source: str, *arguments: str, **training: Json) -> str:
        """A training job of one module, as a wheel; returns its id."""
        self._jobs += 1
        job, package = f"lab_{self._jobs}", "probe-1-py3-none-any.whl"
        self.upload(f"staging/{job}/{package}", wheel("probe.task", source))
        asked = {"packageUris": [f"gs://{BUCKET}/staging/{job}/{package}"], "pythonModule": "probe.task"}
        asked |= {"region": REGION, "args": list(arguments), **training}
        self.api.send(ML, f"/v1/projects/{self.project}/jobs", {"jobId": job, "trainingInput": asked})
        return job

    def predict_in_batch(self, file: str) -> str:
        self._jobs += 1
        asked = {"modelName": f"projects/{self.project}/models/taxifare", "dataFormat": "JSON", "region": REGION}
        asked |= {"inputPaths": [f"gs://{BUCKET}/{file}"], "outputPath": f"gs://{BUCKET}/batch/{self._jobs}"}
        job = f"lab_{self._jobs}"
        self.api.send(ML, f"/v1/projects/{self.project}/jobs", {"jobId": job, "predictionInput": asked})
        return job

    def end(self, job: str) -> str:
        """Wait for a job; returns its state."""
        return str(self.cloud.run(self.cloud.backend.wait_for_job(job, timeout=120)).state)

    def train(self, source: str, *arguments: str, **training: Json) -> str:
        job = self.submit(source, *arguments, **training)
        self.end(job)
        return job


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture(scope="module")
def learner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Learner]:
    with BackgroundCloud(Settings(service_agents=ServiceAgents.BARE)) as cloud:
        yield Learner(cloud, tmp_path_factory.mktemp("learner"))


def test_before_the_first_chapter_no_check_is_done_and_none_raises(learner: Learner) -> None:
    for name in CHECKS:
        learner.refused(name)


def test_a_cloud_that_has_ended_is_an_outcome(learner: Learner, tmp_path: Path) -> None:
    gone = {**learner.cloud.environ, "STORAGE_EMULATOR_HOST": "http://127.0.0.1:9"}
    assert "does not answer" in look("submit", Lab(gone, tmp_path)).english
    assert "la nube no responde" in look("submit", Lab(gone, tmp_path)).spanish
    assert "python -m cloud.lab" in look("submit", Lab({}, tmp_path)).english


class TestAccess:
    def test_a_letter_too_many(self, learner: Learner) -> None:
        learner.choose(project=f"{learner.project}s")
        assert "Permission denied" in learner.refused("project")
        learner.choose()
        assert learner.look("project").is_done

    def test_names_of_buckets(self, learner: Learner) -> None:
        learner.choose(bucket="Learners-ML")
        assert "Lower case" in learner.refused("bucket")
        learner.choose()
        assert f"gsutil mb -l {REGION} gs://{BUCKET}" in learner.refused("bucket")

    def test_a_bucket_elsewhere(self, learner: Learner) -> None:
        learner.api.send(STORAGE, f"/storage/v1/b?project={learner.project}", {"name": BUCKET, "location": REGION})
        learner.choose(region="europe-west1")
        assert "gsutil rb" in learner.refused("bucket")
        learner.choose()
        assert learner.look("bucket").is_done

    def test_a_package_that_the_account_may_not_read(self, learner: Learner) -> None:
        learner.train(EVALUATED, f"--output_dir=gs://{BUCKET}/out")
        assert "for want of a grant" in learner.refused("watch")
        assert "acl ch -u" in learner.look("watch").spanish

    def test_each_of_the_three_grants_is_missed(self, learner: Learner) -> None:
        missed = []
        for access in (Access.WRITE, Access.READ_NEW, Access.READ):
            missed.append(learner.refused("grant"))
            learner.grant(access)
        assert "may not write" in missed[0]
        assert "defacl ch" in missed[1]
        assert "was there before the grant" in missed[2]
        assert learner.look("grant").is_done

    def test_a_bucket_without_access_control_lists(self, learner: Learner) -> None:
        name = f"{BUCKET}-uniform"
        uniform = {"uniformBucketLevelAccess": {"enabled": True}}
        body = {"name": name, "location": REGION, "iamConfiguration": uniform}
        learner.api.send(STORAGE, f"/storage/v1/b?project={learner.project}", body)
        learner.choose(bucket=name)
        assert "uniform access" in learner.refused("grant")
        learner.choose()


class TestUpload:
    def test_files_that_are_not_there_or_were_changed_since(self, learner: Learner) -> None:
        (learner.folder / "data").mkdir()
        for name in ("taxi-train.csv", "taxi-valid.csv"):
            (learner.folder / "data" / name).write_text("1,2,3,4,5,6,7\n")
        assert "gsutil -m cp" in learner.refused("upload")
        learner.upload("taxifare/taxi-train.csv", b"1,2,3,4,5,6,7\n")
        assert "taxi-valid.csv is not in" in learner.refused("upload")
        learner.upload("taxifare/taxi-valid.csv", b"1,2,3,4,5,6,8\n")
        assert "is not what" in learner.refused("upload")
        learner.upload("taxifare/taxi-valid.csv", b"1,2,3,4,5,6,7\n")
        assert learner.look("upload").is_done


class TestTraining:
    def test_a_folder_of_the_learners_machine(self, learner: Learner) -> None:
        learner.train("raise SystemExit(1)", "--train_data_paths=/home/me/data", f"--output_dir=gs://{BUCKET}/out")
        for name in ("submit", "watch"):
            assert "does not see your folders" in learner.refused(name)

    def test_no_place_for_the_model(self, learner: Learner) -> None:
        learner.train(EVALUATED, "--train_steps=9")
        assert "would be lost" in learner.refused("submit")

    def test_going_on_too_early(self, learner: Learner) -> None:
        job = learner.submit("import signal; signal.pause()", f"--output_dir=gs://{BUCKET}/early")
        assert learner.look("submit").is_done
        assert "Wait for its end" in learner.refused("watch")
        learner.api.send(ML, f"/v1/projects/{learner.project}/jobs/{job}:cancel", {})
        learner.end(job)
        assert "was cancelled" in learner.refused("watch")

    def test_a_trainer_that_fails(self, learner: Learner) -> None:
        job = learner.train("import no_such_module", f"--output_dir=gs://{BUCKET}/fails")
        assert f"stream-logs {job}" in learner.refused("watch")

    def test_a_trainer_that_exports_nothing(self, learner: Learner) -> None:
        learner.train(EVALUATED, f"--output_dir=gs://{BUCKET}/nothing")
        assert "no saved_model.pb" in learner.refused("watch")

    def test_a_version_needs_an_export(self, learner: Learner) -> None:
        assert "models create" in learner.refused("deploy")
        learner.api.send(ML, f"/v1/projects/{learner.project}/models", {"name": "taxifare", "regions": [REGION]})
        assert "has no version" in learner.refused("deploy")
        assert "has no version" in learner.refused("predict")

    def test_a_job_that_succeeds(self, learner: Learner) -> None:
        learner.train(EXPORT, f"--output_dir=gs://{BUCKET}/trained", "--features=raw", "--seed=1")
        assert learner.look("watch").is_done
        assert "RMSE 4.5" in learner.look("watch").english

    def test_one_machine_is_no_cluster(self, learner: Learner) -> None:
        assert "XXXXX" in learner.refused("larger")
        learner.train(EVALUATED, scaleTier="CUSTOM", masterType="standard")
        assert "one replica only" in learner.refused("larger")
        more = {"workerType": "standard", "workerCount": "1"}
        learner.train(EVALUATED, scaleTier="CUSTOM", masterType="standard", **more)
        assert "2 replicas" in learner.look("larger").english

    def test_runs_that_cannot_be_compared(self, learner: Learner) -> None:
        assert "--features=engineered" in learner.refused("challenge")
        learner.train(EVALUATED, "--features=engineered", "--seed=2", "--output_dir=out")
        assert "--seed is 1 and 2" in learner.refused("challenge")
        learner.train(EVALUATED, "--features=engineered", "--seed=1")
        assert "do not help yet" in learner.refused("challenge")

    def test_features_that_help(self, learner: Learner) -> None:
        learner.train(EVALUATED.replace("4.5", "4.25"), "--features=engineered", "--seed=1")
        outcome = learner.look("challenge")
        assert outcome.is_done, outcome.english
        assert "4.25" in outcome.english

    def test_trials_that_report_another_metric(self, learner: Learner) -> None:
        hyperparameters = {"goal": "MINIMIZE", "hyperparameterMetricTag": "rmse", "maxTrials": 2}
        hyperparameters |= {"params": [{"parameterName": "x", "type": "INTEGER", "minValue": 1, "maxValue": 5}]}
        report = """
            import json, os, pathlib
            path = pathlib.Path(os.environ["CLOUD_ML_HP_METRIC_FILE"])
            path.parent.mkdir(parents=True, exist_ok=True)
            record = {"timestamp": 1.0, "trial": "0", "TAG": "4.0", "global_step": "1"}
            path.write_text(json.dumps(record) + "\\n")
        """
        learner.train(report.replace("TAG", "loss"), hyperparameters=hyperparameters)
        assert "reported 'rmse'" in learner.refused("tuning")
        learner.train(report.replace("TAG", "rmse"), hyperparameters=hyperparameters)
        outcome = learner.look("tuning")
        assert outcome.is_done, outcome.english
        assert "rmse 4 with x=" in outcome.english


class TestPrediction:
    def deploy(self, learner: Learner, name: str, folder: str) -> None:
        model = f"/v1/projects/{learner.project}/models/taxifare"
        version = {"name": name, "deploymentUri": f"gs://{BUCKET}/{folder}", "runtimeVersion": "2.11"}
        operation = learner.api.send(ML, f"{model}/versions", {**version, "pythonVersion": "3.7"})
        until(lambda: learner.api.get(ML, f"/v1/{operation['name']}").get("done", False))

    def test_a_file_that_is_no_model(self, learner: Learner) -> None:
        learner.upload("damaged/saved_model.pb", b"no model")
        self.deploy(learner, "v0", "damaged")
        assert "failed" in learner.refused("deploy")
        assert "versions delete v0" in learner.refused("deploy")

    def test_a_version_that_is_ready(self, learner: Learner) -> None:
        self.deploy(learner, "v1", "trained/export/exporter/1")
        if "v0" in learner.look("deploy").english:
            name = f"/v1/projects/{learner.project}/models/taxifare/versions/v1:setDefault"
            learner.api.send(ML, name, {})
        assert learner.look("deploy").is_done

    def test_a_wrong_key(self, learner: Learner) -> None:
        (learner.folder / "test.json").write_text(json.dumps({**TEST_INSTANCES[0], "pickup": 1}))
        assert "no input pickup" in learner.refused("predict")
        assert "status 0" in learner.refused("predict")
        (learner.folder / "test.json").write_text(json.dumps(TEST_INSTANCES[0]))
        outcome = learner.look("predict")
        assert outcome.is_done, outcome.english
        assert "$7.00" in outcome.english

    def test_instances_of_another_model_in_a_batch(self, learner: Learner) -> None:
        learner.upload("batch/wrong.json", json.dumps({"x": 1}).encode() + b"\n")
        learner.end(learner.predict_in_batch("batch/wrong.json"))
        assert "could not predict 1 of 1" in learner.refused("batch")
        lines = "".join(json.dumps(trip) + "\n" for trip in TEST_INSTANCES)
        learner.upload("batch/right.json", lines.encode())
        learner.end(learner.predict_in_batch("batch/right.json"))
        outcome = learner.look("batch")
        assert outcome.is_done, outcome.english
        assert outcome.english.startswith("3 predictions")


class TestVertex:
    def done(self, learner: Learner, operation: Json) -> Json:
        until(lambda: learner.api.get(VERTEX, f"/v1/{operation['name']}").get("done", False))
        return learner.api.get(VERTEX, f"/v1/{operation['name']}")["response"]

    def test_the_steps_are_missed_one_by_one(self, learner: Learner) -> None:
        parent = f"/v1/projects/{learner.project}/locations/{REGION}"
        package = {
            "executorImageUri": "us-docker.pkg.dev/vertex-ai/training/tf-cpu.2-11:latest",
            "packageUris": [f"gs://{BUCKET}/vertex/probe-1-py3-none-any.whl"],
            "pythonModule": "probe.task",
        }
        learner.upload("vertex/probe-1-py3-none-any.whl", wheel("probe.task", "print('trained')"))
        machine = {"machineSpec": {"machineType": "n1-standard-4"}, "replicaCount": "1"}
        job = {"displayName": "taxifare", "jobSpec": {"workerPoolSpecs": [{**machine, "pythonPackageSpec": package}]}}

        def run() -> None:
            name = learner.api.send(VERTEX, f"{parent}/customJobs", job)["name"]
            ended = ("JOB_STATE_SUCCEEDED", "JOB_STATE_FAILED")
            until(lambda: learner.api.get(VERTEX, f"/v1/{name}")["state"] in ended)

        run()
        assert "needs a grant of its own" in learner.refused("vertex")
        learner.grant(Access.READ, custom_code_agent(learner.project).email)
        run()
        assert "the registry has no model" in learner.refused("vertex")
        image = "us-docker.pkg.dev/vertex-ai/prediction/tf2-cpu.2-11:latest"
        model = {"displayName": "taxifare", "artifactUri": f"gs://{BUCKET}/trained/export/exporter/1"}
        model["containerSpec"] = {"imageUri": image}
        uploaded = self.done(learner, learner.api.send(VERTEX, f"{parent}/models:upload", {"model": model}))
        assert "there is no endpoint" in learner.refused("vertex")
        endpoint = self.done(learner, learner.api.send(VERTEX, f"{parent}/endpoints", {"displayName": "taxifare"}))
        agent = vertex_service_agent(learner.project).email
        assert "the endpoint has no model" in learner.refused("vertex")
        assert agent in learner.refused("vertex")
        learner.grant(Access.READ, agent)
        resources = {"machineSpec": {"machineType": "n1-standard-2"}, "minReplicaCount": 1}
        deployed = {"deployedModel": {"model": uploaded["model"], "dedicatedResources": resources}}
        self.done(learner, learner.api.send(VERTEX, f"/v1/{endpoint['name']}:deployModel", deployed))
        assert learner.look("vertex").is_done


def test_check_prints_one_line_in_the_notebooks_language(
    learner: Learner, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in {**learner.cloud.environ, "CLOUD_LAB_FOLDER": str(learner.folder)}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("CLOUD_LAB_LANGUAGE", "es")
    monkeypatch.delenv("CI", raising=False)
    check("bucket")
    check("google")
    check("gogle")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"✔ hecho: gs://{BUCKET} está en US-CENTRAL1"
    assert lines[1].startswith("✘ todavía no: en tu carpeta no hay")
    assert lines[2] == "No existe la comprobación 'gogle'."
    monkeypatch.setenv("CI", "true")
    check("bucket")
    with pytest.raises(NotYet, match="todavía no"):
        check("google")
