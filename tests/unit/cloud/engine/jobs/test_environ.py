"""What a replica is told, against the documented samples of ``TF_CONFIG`` and argv."""

import json
from pathlib import Path

import pytest

from cloud.engine.jobs.environ import argv, environ, replicas
from cloud.names import GsUri
from cloud.resources import JobSpec, ScaleTier, TaskType


def _spec(**changes: object) -> JobSpec:
    given: dict[str, object] = {
        "job_id": "taxifare_1",
        "package_uris": (GsUri("bucket", "staging/trainer-0.0.0.tar.gz"),),
        "python_module": "trainer.task",
        "args": ("--train_steps=10",),
        "job_dir": GsUri("bucket", "out"),
    }
    return JobSpec(**(given | changes))  # type: ignore[arg-type]


def _environ(spec: JobSpec, number: int = 0) -> dict[str, str]:
    members = replicas(spec)
    addresses = {replica: f"127.0.0.1:{2222 + port}" for port, replica in enumerate(members)}
    return environ(spec, members[number], addresses, project="my-project", base={"PATH": "/bin"}, home=Path("/home/x"))


def test_job_dir_is_the_last_two_items_of_argv() -> None:
    assert argv(_spec()) == ("--train_steps=10", "--job-dir", "gs://bucket/out")


def test_without_job_dir_nothing_is_added() -> None:
    assert argv(_spec(job_dir=None)) == ("--train_steps=10",)


def test_a_basic_job_has_one_replica_and_no_scale_tier_in_its_config() -> None:
    config = json.loads(_environ(_spec())["TF_CONFIG"])
    assert config["cluster"] == {"chief": ["127.0.0.1:2222"]}
    assert config["environment"] == "cloud"
    assert config["task"]["type"] == "chief"
    assert config["task"]["index"] == 0
    assert "trial" not in config["task"]
    assert "scale_tier" not in config["job"]
    assert config["job"]["args"] == ["--train_steps=10"]
    assert config["job"]["job_dir"] == "gs://bucket/out"


@pytest.mark.parametrize(
    ("runtime", "role"), [("1.15", "master"), ("2.0", "master"), ("2.1", "chief"), ("2.11", "chief")]
)
def test_the_primary_is_called_master_before_runtime_2_1(runtime: str, role: str) -> None:
    assert list(json.loads(_environ(_spec(runtime_version=runtime))["TF_CONFIG"])["cluster"]) == [role]


def test_standard_1_is_eight_replicas() -> None:
    members = replicas(_spec(scale_tier=ScaleTier.STANDARD_1))
    kinds = [member.task_type for member in members]
    assert (kinds.count(TaskType.CHIEF), kinds.count(TaskType.WORKER), kinds.count(TaskType.PS)) == (1, 4, 3)
    assert members[0].task_name == "master-replica-0"
    assert members[4].task_name == "worker-replica-3"


def test_an_evaluator_has_a_task_but_no_place_in_the_cluster() -> None:
    spec = _spec(scale_tier=ScaleTier.CUSTOM, worker_count=1, evaluator_count=1)
    config = json.loads(_environ(spec, number=2)["TF_CONFIG"])
    assert config["task"]["type"] == "evaluator"
    assert set(config["cluster"]) == {"chief", "worker"}


def test_the_environment_is_the_base_and_the_jobs_own_and_nothing_else() -> None:
    given = _environ(_spec())
    assert set(given) == {
        "PATH", "HOME", "PYTHONUNBUFFERED", "TF_CONFIG", "CLOUD_ML_JOB_ID", "CLOUD_ML_JOB", "CLOUD_ML_PROJECT_ID",
        "CLOUD_ML_HP_METRIC_FILE",
    }  # fmt: skip
    assert json.loads(given["CLOUD_ML_JOB"])["args"] == ["--train_steps=10"]
