"""The space that the parameters of a tuning job span: which of them a trial has, and which values. Pure.

Source of the scales: google-vizier 0.1.24, ``pyvizier/converters/core.py``.
"""

import math
from collections.abc import Callable, Sequence

from cloud.resources.trials import Parameter, ParameterType, ScaleType, Value

Choose = Callable[[str, Parameter], Value]
"""A value for a parameter. The text tells it from parameters of the same name below other parents."""


def choose_all(parameters: Sequence[Parameter], choose: Choose, path: str = "") -> dict[str, Value]:
    """A value for each parameter that is active, given the values of its parents."""
    chosen: dict[str, Value] = {}
    for index, parameter in enumerate(parameters):
        place = f"{path}{index}/{parameter.name}"
        value = chosen[parameter.name] = choose(place, parameter)
        chosen |= choose_all(_active(parameter, value), choose, f"{place}={value}/")
    return chosen


def points(parameters: Sequence[Parameter]) -> int:
    """How many points the space has, which has no DOUBLE. There may be more than could be counted one by one."""
    size = 1
    for each in parameters:
        low, high = bounds(each) if each.type is ParameterType.INTEGER else (1, len(_values(each)))
        parents = {value for child in each.children for value in child.parent_values}
        below = (points(_active(each, value)) for value in parents)
        size *= int(high) - int(low) + 1 - len(parents) + sum(below)
    return size


def point(parameters: Sequence[Parameter], place: int) -> dict[str, Value]:
    """The point at ``place`` of the space, which has no DOUBLE, from 0. The last parameter changes fastest."""
    found: list[dict[str, Value]] = []
    for each in reversed(parameters):
        place, own = divmod(place, points([each]))
        found.append(_own_point(each, own))
    return {name: value for part in reversed(found) for name, value in part.items()}


def _own_point(parameter: Parameter, place: int) -> dict[str, Value]:
    if not parameter.children:
        return {parameter.name: _values(parameter)[place]}
    for value in _values(parameter):
        active = _active(parameter, value)
        size = points(active)
        if place < size:
            return {parameter.name: value, **point(active, place)}
        place -= size
    raise ValueError(f"{parameter.name} has no such point")


def _active(parameter: Parameter, value: Value) -> Sequence[Parameter]:
    """Its children, if it has this value."""
    return [child for child in parameter.children if value in child.parent_values]


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
