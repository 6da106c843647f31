"""A replica's arguments and environment, against the documented samples of ``TF_CONFIG`` and argv."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from cloud.engine.jobs.environ import TrialName, argv, environ
from cloud.engine.jobs.replicas import replicas
from cloud.names import GsUri
from cloud.resources import ScaleTier, Service, TaskType, TrainingSpec


def _spec(**changes: object) -> TrainingSpec:
    fields: dict[str, object] = {
        "job_id": "taxifare_1",
        "package_uris": (GsUri("bucket", "staging/trainer-0.0.0.tar.gz"),),
        "python_module": "trainer.task",
        "args": ("--train_steps=10",),
        "job_dir": GsUri("bucket", "out"),
    }
    return TrainingSpec(**(fields | changes))  # type: ignore[arg-type]


def _environ(spec: TrainingSpec, number: int = 0, trial: TrialName | None = None) -> dict[str, str]:
    members = replicas(spec)
    addresses = {replica: f"127.0.0.1:{2222 + port}" for port, replica in enumerate(members)}
    return environ(
        spec,
        members[number],
        addresses,
        project="my-project",
        project_number=35462102002,
        base={"PATH": "/bin", "LANG": "C"},
        home=Path("/home/x"),
        trial=trial,
    )


def _vertex(**changes: object) -> TrainingSpec:
    fields = {"job_id": "4026903526469795840", "service": Service.VERTEX_AI, "job_dir": None}
    return _spec(**(fields | changes))


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


def test_an_evaluator_has_a_task_but_is_not_in_the_cluster() -> None:
    spec = _spec(scale_tier=ScaleTier.CUSTOM, worker_count=1, evaluator_count=1)
    config = json.loads(_environ(spec, number=2)["TF_CONFIG"])
    assert config["task"]["type"] == "evaluator"
    assert set(config["cluster"]) == {"chief", "worker"}


@pytest.mark.parametrize("runtime", ["1.15", "2.11"])
def test_the_cluster_spec_of_ml_engine_has_all_replicas_and_a_master(runtime: str) -> None:
    spec = _spec(scale_tier=ScaleTier.CUSTOM, worker_count=1, evaluator_count=1, runtime_version=runtime)
    found = json.loads(_environ(spec, trial=TrialName("3", "rmse"))["CLUSTER_SPEC"])
    assert found["cluster"] == {
        "master": ["127.0.0.1:2222"], "worker": ["127.0.0.1:2223"], "evaluator": ["127.0.0.1:2224"],
    }  # fmt: skip
    assert found["task"] == {"type": "master", "index": 0, "trial": "3"}
    assert found["environment"] == "cloud"
    assert found["job"]["args"] == ["--train_steps=10"]
    assert json.loads(_environ(spec, number=2)["CLUSTER_SPEC"])["task"] == {
        "type": "evaluator",
        "index": 0,
        "trial": "",
    }


def test_the_environment_is_the_base_and_the_jobs_variables_and_nothing_else() -> None:
    variables = _environ(_spec())
    assert set(variables) == {
        "PATH", "LANG", "HOME", "PYTHONUNBUFFERED",
        "TF_CONFIG", "CLUSTER_SPEC",
        "CLOUD_ML_JOB_ID", "CLOUD_ML_JOB", "CLOUD_ML_PROJECT_ID", "CLOUD_ML_HP_METRIC_FILE",
    }  # fmt: skip
    assert json.loads(variables["CLOUD_ML_JOB"])["args"] == ["--train_steps=10"]


def test_vertex_ai_gives_a_single_replica_a_cluster_spec_but_no_tf_config() -> None:
    variables = _environ(_vertex())
    assert set(variables) == {
        "PATH", "LANG", "HOME", "PYTHONUNBUFFERED", "CLUSTER_SPEC",
        "CLOUD_ML_JOB_ID", "CLOUD_ML_PROJECT_ID", "CLOUD_ML_REGION", "CLOUD_ML_HP_METRIC_FILE",
    }  # fmt: skip
    assert variables["CLOUD_ML_PROJECT_ID"] == "35462102002"
    assert variables["CLOUD_ML_JOB_ID"] == "4026903526469795840"
    spec = json.loads(variables["CLUSTER_SPEC"])
    assert spec["cluster"] == {"workerpool0": ["127.0.0.1:2222"]}
    assert spec["task"] == {"type": "workerpool0", "index": 0, "trial": ""}
    (pool,) = spec["job"]["worker_pool_specs"]
    assert pool["python_package_spec"]["python_module"] == "trainer.task"


def test_the_cluster_spec_of_an_image_names_its_container() -> None:
    variables = _environ(_vertex(image="gcr.io/p/i:v1", image_digest="sha256:0"))
    (pool,) = json.loads(variables["CLUSTER_SPEC"])["job"]["worker_pool_specs"]
    assert pool == {
        "replica_count": "1",
        "container_spec": {"image_uri": "gcr.io/p/i:v1", "args": ["--train_steps=10"]},
    }


def test_vertex_ais_folders_are_below_the_base_output_directory() -> None:
    variables = _environ(_vertex(base_output_directory=GsUri("bucket", "out/")))
    assert variables["AIP_MODEL_DIR"] == "gs://bucket/out/model/"
    assert variables["AIP_CHECKPOINT_DIR"] == "gs://bucket/out/checkpoints/"
    assert variables["AIP_TENSORBOARD_LOG_DIR"] == "gs://bucket/out/logs/"
    assert argv(_vertex()) == ("--train_steps=10",)


def test_vertex_ais_primary_is_the_chief_also_with_an_old_runtime_version() -> None:
    spec = _vertex(scale_tier=ScaleTier.CUSTOM, worker_count=1, runtime_version="1.15")
    assert set(json.loads(_environ(spec)["TF_CONFIG"])["cluster"]) == {"chief", "worker"}


def test_vertex_ais_pools_are_roles_and_evaluators_have_their_own_pool() -> None:
    spec = _vertex(scale_tier=ScaleTier.CUSTOM, worker_count=2, evaluator_count=1)
    assert [replica.task_name for replica in replicas(spec)] == [
        "workerpool0-0", "workerpool1-0", "workerpool1-1", "workerpool3-0",
    ]  # fmt: skip
    variables = _environ(spec, number=2)
    config = json.loads(variables["TF_CONFIG"])
    assert config["cluster"] == {"chief": ["127.0.0.1:2222"], "worker": ["127.0.0.1:2223", "127.0.0.1:2224"]}
    assert config["task"] == {"type": "worker", "index": 1}
    cluster_spec = json.loads(variables["CLUSTER_SPEC"])
    assert cluster_spec["cluster"]["workerpool3"] == ["127.0.0.1:2225"]
    assert cluster_spec["task"] == {"type": "workerpool1", "index": 1, "trial": ""}
    assert [pool.get("replica_count") for pool in cluster_spec["job"]["worker_pool_specs"]] == ["1", "2", None, "1"]


@pytest.mark.parametrize("make", [_spec, _vertex])
def test_cloudml_hypertune_reports_to_a_file_in_the_replicas_folder(make: Callable[[], TrainingSpec]) -> None:
    assert _environ(make())["CLOUD_ML_HP_METRIC_FILE"] == "/home/x/hypertune/output.metrics"


@pytest.mark.parametrize(("make", "names_it"), [(_spec, True), (_vertex, False)])
def test_a_trial_of_ml_engine_only_reports_its_summaries(make: Callable[[], TrainingSpec], names_it: bool) -> None:
    assert "OFFLINE_ML_SUMMARIES" not in _environ(make())
    variables = _environ(make(), trial=TrialName("1", "rmse"))
    expected = "/home/x/hypertune/summaries.metrics" if names_it else None
    assert variables.get("OFFLINE_ML_SUMMARIES") == expected


def test_the_users_variables_override_the_services_but_not_home() -> None:
    variables = _environ(_vertex(env={"LANG": "fr", "CLOUD_ML_JOB_ID": "1", "HOME": "/"}))
    assert (variables["LANG"], variables["CLOUD_ML_JOB_ID"]) == ("fr", "1")
    assert variables["HOME"] == "/home/x"
