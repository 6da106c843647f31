"""The space that the parameters of a tuning job span: which of them a trial has, and which values. Pure.

Source of the scales: google-vizier 0.1.24, ``pyvizier/converters/core.py``.
"""

import math
from collections.abc import Callable, Iterator, Sequence

from cloud.resources.trials import Parameter, ParameterType, ScaleType, Value

Choose = Callable[[str, Parameter], Value]
"""A value for a parameter. The text tells it from parameters of the same name below other parents."""


def choose_all(parameters: Sequence[Parameter], choose: Choose, path: str = "") -> dict[str, Value]:
    """A value for each parameter that is active, given the values of its parents."""
    chosen: dict[str, Value] = {}
    for index, parameter in enumerate(parameters):
        place = f"{path}{index}/{parameter.name}"
        value = chosen[parameter.name] = choose(place, parameter)
        active = [child for child in parameter.children if value in child.parent_values]
        chosen |= choose_all(active, choose, f"{place}={value}/")
    return chosen


def grid(parameters: Sequence[Parameter]) -> Iterator[dict[str, Value]]:
    """Every point of the space, which has no DOUBLE. The last parameter changes fastest."""
    if not parameters:
        yield {}
        return
    first, rest = parameters[0], parameters[1:]
    for value in _values(first):
        active = [child for child in first.children if value in child.parent_values]
        for below in grid(active):
            for others in grid(rest):
                yield {first.name: value, **below, **others}


def from_unit(parameter: Parameter, u: float) -> Value:
    """The value at ``u`` in [0, 1] of the parameter's scale."""
    match parameter.type:
        case ParameterType.DOUBLE:
            return _scaled(parameter, u)
        case ParameterType.INTEGER:
            low, high = bounds(parameter)
            return min(int(high), max(int(low), round(_scaled(parameter, u))))
        case ParameterType.DISCRETE | ParameterType.CATEGORICAL:
            values = _values(parameter)
            return values[min(int(u * len(values)), len(values) - 1)]


def bounds(parameter: Parameter) -> tuple[float, float]:
    """Of DOUBLE and INTEGER."""
    assert parameter.min_value is not None  # noqa: S101 - checked with the specification
    assert parameter.max_value is not None  # noqa: S101
    return parameter.min_value, parameter.max_value


def mirrored(parameter: Parameter, value: float) -> float:
    """``value`` seen from the other end: of a reverse log scale the logarithms of these are even."""
    low, high = bounds(parameter)
    return min(max(low + high - value, low), high)


def centre(parameters: Sequence[Parameter]) -> dict[str, Value]:
    """The middle of each scale, and the first category."""
    return choose_all(parameters, lambda _, each: each.categories[0] if each.categories else from_unit(each, 0.5))


def _scaled(parameter: Parameter, u: float) -> float:
    low, high = bounds(parameter)
    if parameter.scale is ScaleType.LOG:
        return min(max(math.exp((1 - u) * math.log(low) + u * math.log(high)), low), high)
    if parameter.scale is ScaleType.REVERSE_LOG:
        return mirrored(parameter, math.exp(u * math.log(low) + (1 - u) * math.log(high)))
    return min(max((1 - u) * low + u * high, low), high)  # never high - low, which may be more than a float holds


def _values(parameter: Parameter) -> Sequence[Value]:
    """All that are feasible, of a parameter that is not DOUBLE."""
    match parameter.type:
        case ParameterType.INTEGER:
            low, high = bounds(parameter)
            return range(int(low), int(high) + 1)
        case ParameterType.DISCRETE:
            return parameter.values
        case ParameterType.CATEGORICAL:
            return parameter.categories
        case ParameterType.DOUBLE:
            raise ValueError(f"{parameter.name} is DOUBLE")
