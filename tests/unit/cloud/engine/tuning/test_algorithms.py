"""Suggestions: feasible, repeatable, and better than chance."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud.engine.tuning.algorithms import grid_size, suggest
from cloud.lifecycle import JobState
from cloud.resources import Service, TrainingSpec
from cloud.resources.trials import Goal, Measurement, Metric, Parameter, ParameterType, ScaleType, Trial, Value
from cloud.resources.tuning import Algorithm, TuningSpec

RATE = Parameter("rate", ParameterType.DOUBLE, 1e-4, 0.1, scale=ScaleType.LOG)
KEEP = Parameter("keep", ParameterType.DOUBLE, 0.5, 0.999, scale=ScaleType.REVERSE_LOG)
LAYERS = Parameter("layers", ParameterType.INTEGER, 1, 4)
UNITS = Parameter("units", ParameterType.DISCRETE, values=(16.0, 64.0, 100.5))
DEPTH = Parameter("depth", ParameterType.INTEGER, 2, 3, parent_values=("deep",))
KIND = Parameter("kind", ParameterType.CATEGORICAL, categories=("wide", "deep"), children=(DEPTH,))
MIXED = (RATE, KEEP, LAYERS, UNITS, KIND)


def spec(*parameters: Parameter, job_id: str = "1", algorithm: Algorithm = Algorithm.DEFAULT) -> TuningSpec:
    training = TrainingSpec(job_id, (), "trainer.task", service=Service.VERTEX_AI)
    metrics = (Metric("loss", Goal.MINIMIZE),)
    return TuningSpec(
        job_id, training, metrics, parameters, max_trials=30, algorithm=algorithm, service=Service.VERTEX_AI
    )


def study(job: TuningSpec, count: int, loss: Callable[[dict[str, Value]], float | None]) -> list[Trial]:
    trials: list[Trial] = []
    for number in range(1, count + 1):
        parameters = suggest(job, trials, number)
        if parameters is None:
            break
        value = loss(parameters)
        final = None if value is None else Measurement(1, 1.0, {"loss": value})
        state = JobState.SUCCEEDED if value is not None else JobState.FAILED
        trials.append(Trial(str(number), state, parameters, datetime.now(UTC), datetime.now(UTC), final))
    return trials


def is_feasible(parameter: Parameter, value: Value) -> bool:
    match parameter.type:
        case ParameterType.DOUBLE | ParameterType.INTEGER:
            kind = int if parameter.type is ParameterType.INTEGER else float
            assert parameter.min_value is not None
            assert parameter.max_value is not None
            return type(value) is kind and parameter.min_value <= value <= parameter.max_value
        case ParameterType.DISCRETE:
            return value in parameter.values
        case ParameterType.CATEGORICAL:
            return value in parameter.categories


@pytest.mark.parametrize("algorithm", [Algorithm.DEFAULT, Algorithm.RANDOM_SEARCH])
def test_suggestions_are_feasible_and_hold_the_active_parameters_only(algorithm: Algorithm) -> None:
    for trial in study(spec(*MIXED, algorithm=algorithm), 25, lambda chosen: float(chosen["rate"])):
        for parameter in MIXED:
            assert is_feasible(parameter, trial.parameters[parameter.name])
        assert ("depth" in trial.parameters) == (trial.parameters["kind"] == "deep")
        assert trial.parameters.get("depth", 2) in (2, 3)


@settings(max_examples=20, deadline=None)
@given(
    st.sampled_from([*Algorithm]),
    st.lists(st.sampled_from([LAYERS, UNITS, KIND]), min_size=1, max_size=3, unique_by=lambda each: each.name),
    st.integers(1, 10**9).map(str),
)
def test_the_same_job_makes_the_same_suggestions(
    algorithm: Algorithm, parameters: list[Parameter], job_id: str
) -> None:
    job = spec(*parameters, job_id=job_id, algorithm=algorithm)
    runs = [[trial.parameters for trial in study(job, 12, lambda chosen: float(len(str(chosen))))] for _ in range(2)]
    assert runs[0] == runs[1]


def test_the_first_trial_of_the_default_algorithm_is_the_centre() -> None:
    (first,) = study(spec(*MIXED), 1, lambda _: 0.0)
    assert first.parameters["rate"] == pytest.approx((1e-4 * 0.1) ** 0.5)
    assert first.parameters["keep"] == pytest.approx(0.5 + 0.999 - (0.5 * 0.999) ** 0.5)
    assert (first.parameters["layers"], first.parameters["units"], first.parameters["kind"]) == (2, 64.0, "wide")


def test_a_grid_has_every_point_once_and_then_ends() -> None:
    job = spec(LAYERS, KIND, algorithm=Algorithm.GRID_SEARCH)
    points = [trial.parameters for trial in study(job, 100, lambda _: 0.0)]
    assert points[:4] == [
        {"layers": 1, "kind": "wide"},
        {"layers": 1, "kind": "deep", "depth": 2},
        {"layers": 1, "kind": "deep", "depth": 3},
        {"layers": 2, "kind": "wide"},
    ]
    assert len(points) == grid_size(job, 100) == 12
    assert grid_size(job, 5) == 5


def test_a_grid_may_be_larger_than_can_be_counted() -> None:
    wide = Parameter("wide", ParameterType.INTEGER, -(2.0**63), 2.0**63)
    many = [Parameter(f"kind{number}", ParameterType.CATEGORICAL, categories=("a", "b")) for number in range(1500)]
    job = spec(wide, *many, algorithm=Algorithm.GRID_SEARCH)
    assert grid_size(job, 2**31) == 2**31
    second = suggest(job, (), 2)
    assert second == {"wide": -(2**63), **{each.name: "a" for each in many[:-1]}, "kind1499": "b"}


@pytest.mark.parametrize("scale", [ScaleType.LOG, ScaleType.REVERSE_LOG])
def test_a_logarithmic_range_may_be_narrow(scale: ScaleType) -> None:
    parameter = Parameter("x", ParameterType.DOUBLE, 1e16, 1e16 + 2, scale=scale)
    trials = study(spec(parameter), 15, lambda chosen: float(chosen["x"]))
    assert {trial.parameters["x"] for trial in trials} <= {1e16, 1e16 + 2}


def test_failed_and_running_trials_inform_the_default_algorithm() -> None:
    failed = study(spec(*MIXED), 12, lambda chosen: None if chosen["layers"] == 1 else 1.0)
    assert len(failed) == 12
    job = spec(RATE)
    done = study(job, 12, lambda chosen: float(chosen["rate"]))
    running = Trial("13", JobState.RUNNING, suggest(job, done, 13) or {})
    assert suggest(job, [*done, running], 14) != running.parameters


def test_the_default_algorithm_finds_a_better_point_than_chance() -> None:
    def loss(chosen: dict[str, Value]) -> float:
        return abs(float(chosen["rate"]) - 0.003) * 100 + abs(float(chosen["keep"]) - 0.9)

    def best(algorithm: Algorithm) -> float:
        finals = [
            min(each.final.metrics["loss"] for each in study(job, 25, loss) if each.final)
            for job in (spec(RATE, KEEP, job_id=f"{seed + 1}", algorithm=algorithm) for seed in range(7))
        ]
        return sorted(finals)[3]

    assert best(Algorithm.DEFAULT) < best(Algorithm.RANDOM_SEARCH)


def test_earlier_trials_of_a_resumed_study_take_the_place_of_the_centre() -> None:
    job = spec(RATE)
    earlier: Sequence[Trial] = study(job, 3, lambda chosen: float(chosen["rate"]))
    assert suggest(job, earlier, 4) not in [trial.parameters for trial in earlier]
