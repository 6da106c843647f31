"""Specifications as JSON: what is written is read back, for every kind, also from older records."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.engine.jobs.specs import KINDS, kind_of, spec_from_json, spec_to_json
from cloud.names import GsUri
from cloud.resources import JobSpec, ScaleTier, Service, TrainingSpec
from cloud.resources.batch_prediction import BatchPredictionSpec, InstanceConfig, InstanceType
from cloud.resources.pool_programs import PoolProgram
from cloud.resources.trials import Goal, Metric, Parameter, ParameterType, ScaleType
from cloud.resources.tuning import Algorithm, TuningSpec

SPECS = st.builds(
    TrainingSpec,
    job_id=st.from_regex(r"[A-Za-z][A-Za-z0-9_]{0,20}", fullmatch=True),
    package_uris=st.just((GsUri("bucket", "a/trainer-0.0.0.tar.gz"), GsUri("bucket", "b.whl"))),
    python_module=st.just("trainer.task"),
    args=st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)).map(tuple),
    job_dir=st.sampled_from([None, GsUri("bucket", "out dir/é")]),
    scale_tier=st.just(ScaleTier.CUSTOM),
    worker_count=st.integers(0, 5),
    runtime_version=st.sampled_from([None, "2.11"]),
    max_running_time=st.floats(0.1, 1e6),
    labels=st.dictionaries(st.text(max_size=5), st.text(max_size=5)),
)
PROGRAMS = st.builds(
    PoolProgram,
    pool=st.integers(1, 3),
    package_uris=st.sampled_from([(), (GsUri("bucket", "b.whl"),)]),
    python_module=st.just("trainer.other"),
    args=st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=5), max_size=2).map(tuple),
    env=st.dictionaries(st.text(max_size=5), st.text(max_size=5)),
)
VERTEX_SPECS = st.builds(
    TrainingSpec,
    job_id=st.from_regex(r"[1-9][0-9]{0,18}", fullmatch=True),
    package_uris=st.just(()),
    python_module=st.just("trainer.task"),
    service=st.just(Service.VERTEX_AI),
    base_output_directory=st.sampled_from([None, GsUri("bucket", "out/")]),
    env=st.dictionaries(st.text(max_size=5), st.text(max_size=5)),
    image=st.sampled_from([None, "gcr.io/cloud-aiplatform/training/tf-cpu.2-1"]),
    requirements=st.lists(st.text(max_size=5), max_size=3).map(tuple),
    programs=st.lists(PROGRAMS, max_size=2).map(tuple),
    restart_job_on_worker_restart=st.booleans(),
    disable_retries=st.booleans(),
)


@given(SPECS | VERTEX_SPECS)
def test_specifications_round_trip(spec: TrainingSpec) -> None:
    assert kind_of(spec) == "training"
    assert spec_from_json(TrainingSpec, json.loads(json.dumps(spec_to_json(spec)))) == spec


TUNING = TuningSpec(
    "12",
    TrainingSpec("12", (GsUri("bucket", "a.whl"),), "trainer.task", service=Service.VERTEX_AI),
    (Metric("rmse", Goal.MINIMIZE),),
    (
        Parameter("rate", ParameterType.DOUBLE, 1e-4, 0.1, scale=ScaleType.LOG),
        Parameter(
            "kind",
            ParameterType.CATEGORICAL,
            categories=("deep", "wide"),
            children=(Parameter("layers", ParameterType.INTEGER, 1, 3, parent_values=("deep",)),),
        ),
        Parameter("units", ParameterType.DISCRETE, values=(16.0, 64.0)),
    ),
    max_trials=30,
    algorithm=Algorithm.RANDOM_SEARCH,
    service=Service.VERTEX_AI,
)
BATCH = BatchPredictionSpec(
    "123",
    (GsUri("bucket", "in/*"),),
    GsUri("bucket", "out"),
    model="taxi",
    instance_config=InstanceConfig(InstanceType.ARRAY, "key", ("b", "a")),
    parameters={"threshold": [0.5]},
    service=Service.VERTEX_AI,
)


@pytest.mark.parametrize("spec", [TUNING, BATCH])
def test_specifications_of_other_kinds_round_trip(spec: JobSpec) -> None:
    kind = kind_of(spec)
    assert kind is not None
    assert spec_from_json(KINDS[kind], json.loads(json.dumps(spec_to_json(spec)))) == spec


def test_the_base_class_is_not_a_kind_of_job() -> None:
    assert kind_of(JobSpec("one")) is None


def test_a_record_from_before_vertex_ai_belongs_to_ml_engine() -> None:
    spec = TrainingSpec("one", (GsUri("bucket", "a.whl"),), "trainer.task")
    record = spec_to_json(spec)
    for name in ("service", "base_output_directory", "env", "image", "requirements"):
        del record[name]
    assert spec_from_json(TrainingSpec, record) == spec
