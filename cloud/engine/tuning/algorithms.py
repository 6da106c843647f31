"""The algorithms that suggest the parameters of a trial, from the trials so far.

A suggestion depends on nothing else: the study goes on after a restart as if there had been none. Google's own default
is a Gaussian process (Vizier); here it is Optuna's TPE, which is as good within the noise of 20 seeds
(docs/decisions/0034-tuning-by-optuna.md).
"""

import math
import random
import warnings
import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Literal

from cloud.engine.tuning.space import bounds, centre, choose_all, from_unit, mirrored, point, points
from cloud.lifecycle import JobState
from cloud.resources.trials import Goal, Parameter, ParameterType, ScaleType, Trial, Value
from cloud.resources.tuning import Algorithm, TuningSpec

if TYPE_CHECKING:
    import optuna

_NARROWEST = 1e-6
_DIRECTIONS: Mapping[Goal, Literal["minimize", "maximize"]] = {Goal.MINIMIZE: "minimize", Goal.MAXIMIZE: "maximize"}


def suggest(spec: TuningSpec, trials: Sequence[Trial], number: int) -> dict[str, Value] | None:
    """The parameters of trial ``number``; None if every point of a grid was tried.

    Args:
        trials: the others, finished or not.
    """
    return _ALGORITHMS[spec.algorithm](spec, trials, number)


def grid_size(spec: TuningSpec, most: int) -> int:
    """How many points the grid has, at most ``most``."""
    return min(points(spec.parameters), most)


def _grid(spec: TuningSpec, _: Sequence[Trial], number: int) -> dict[str, Value] | None:
    return point(spec.parameters, number - 1) if number <= points(spec.parameters) else None


def _random(spec: TuningSpec, _: Sequence[Trial], number: int) -> dict[str, Value]:
    numbers = random.Random(_seed(spec, number))  # noqa: S311 - to be repeated, not to be secret
    return choose_all(spec.parameters, lambda _, parameter: from_unit(parameter, numbers.random()))


def _default(spec: TuningSpec, trials: Sequence[Trial], number: int) -> dict[str, Value]:
    if not trials:
        return centre(spec.parameters)
    import optuna  # takes a third of a second

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # constant_liar is experimental
        sampler = optuna.samplers.TPESampler(seed=_seed(spec, number), constant_liar=True)
    directions = [_DIRECTIONS[metric.goal] for metric in spec.metrics]
    study = optuna.create_study(sampler=sampler, directions=directions)
    for trial in trials:
        if trial.parameters:
            study.add_trial(_as_optunas(spec, trial))
    asked = study.ask()
    return choose_all(spec.parameters, lambda place, parameter: _ask(asked, place, parameter))


_ALGORITHMS: Mapping[Algorithm, Callable[[TuningSpec, Sequence[Trial], int], dict[str, Value] | None]] = {
    Algorithm.DEFAULT: _default,
    Algorithm.RANDOM_SEARCH: _random,
    Algorithm.GRID_SEARCH: _grid,
}


def _seed(spec: TuningSpec, number: int) -> int:
    return zlib.crc32(f"{spec.job_id}/{number}".encode())


def _as_optunas(spec: TuningSpec, trial: Trial) -> "optuna.trial.FrozenTrial":
    from optuna.distributions import BaseDistribution
    from optuna.trial import TrialState, create_trial

    distributions: dict[str, BaseDistribution] = {}
    given: dict[str, Value] = {}

    def note(place: str, parameter: Parameter) -> Value:
        value = trial.parameters[parameter.name]
        distributions[place], given[place] = _distribution(parameter), _encode(parameter, value)
        return value

    choose_all(spec.parameters, note)
    if trial.final is not None:  # which has every metric
        values = [trial.final.metrics[metric.name] for metric in spec.metrics]
        return create_trial(state=TrialState.COMPLETE, values=values, params=given, distributions=distributions)
    has_ended = trial.state in (JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED)
    state = TrialState.FAIL if has_ended else TrialState.RUNNING
    return create_trial(state=state, params=given, distributions=distributions)


def _ask(asked: "optuna.Trial", place: str, parameter: Parameter) -> Value:
    low, high = (0.0, 0.0) if parameter.min_value is None else bounds(parameter)
    is_log = _is_log(parameter)
    match parameter.type:
        case ParameterType.DOUBLE:
            drawn: Value = asked.suggest_float(place, low, high, log=is_log)
        case ParameterType.INTEGER:
            drawn = asked.suggest_int(place, int(low), int(high), log=is_log)
        case ParameterType.DISCRETE:
            drawn = asked.suggest_int(place, 0, len(parameter.values) - 1)
        case ParameterType.CATEGORICAL:
            drawn = asked.suggest_categorical(place, parameter.categories)
    return _decode(parameter, drawn)


def _distribution(parameter: Parameter) -> "optuna.distributions.BaseDistribution":
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    is_log = _is_log(parameter)
    match parameter.type:
        case ParameterType.DOUBLE:
            return FloatDistribution(*bounds(parameter), log=is_log)
        case ParameterType.INTEGER:
            low, high = bounds(parameter)
            return IntDistribution(int(low), int(high), log=is_log)
        case ParameterType.DISCRETE:
            return IntDistribution(0, len(parameter.values) - 1)
        case ParameterType.CATEGORICAL:
            return CategoricalDistribution(parameter.categories)


def _is_log(parameter: Parameter) -> bool:
    """Whether Optuna is to take logarithms. Those of a range that is narrow are even, and the same for its floats."""
    if parameter.scale not in (ScaleType.LOG, ScaleType.REVERSE_LOG) or parameter.min_value is None:
        return False
    low, high = bounds(parameter)
    return math.log(high) - math.log(low) > _NARROWEST


def _encode(parameter: Parameter, value: Value) -> Value:
    """The value as Optuna has it."""
    if parameter.type is ParameterType.DISCRETE:
        return parameter.values.index(float(value))
    return _mirrored(parameter, value)


def _decode(parameter: Parameter, drawn: Value) -> Value:
    """Inverse of ``_encode``."""
    if parameter.type is ParameterType.DISCRETE:
        return parameter.values[int(drawn)]
    return _mirrored(parameter, drawn)


def _mirrored(parameter: Parameter, value: Value) -> Value:
    if parameter.scale is not ScaleType.REVERSE_LOG or isinstance(value, str):
        return value
    found = mirrored(parameter, value)
    return int(found) if parameter.type is ParameterType.INTEGER else found
