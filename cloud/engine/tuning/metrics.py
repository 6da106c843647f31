"""The metrics that a trainer reports: in cloudml-hypertune's file, or as summaries for TensorBoard. Pure.

cloudml-hypertune (``hypertune.py``) writes one JSON object a line, with strings for the step and the value, whose key
is the metric's name; it keeps the last 100 lines. Summaries are TFRecords of ``tensorflow.Event``.
"""

import json
import logging
import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from typing import TYPE_CHECKING

from cloud.errors import InvalidArgument
from cloud.resources.trials import Goal, Measurement, Metric
from cloud.resources.tuning import MeasurementSelection
from cloud.wire.ml_v1_tuning import DEFAULT_METRIC
from cloud.wire.tf_records import HEAD_SIZE, TAIL_SIZE, read_records

if TYPE_CHECKING:
    from tensorboard.compat.proto.tensor_pb2 import TensorProto

_MOST_MEASUREMENTS = 1000
"""Of one trial: of more every second one is left out."""
_LONGEST_EVENT = 64 << 20
_NO_NUMBERS = frozenset({0, 7, 20, 21})
"""Types of tensors (``tensorflow/core/framework/types.proto``): none, strings, resources, variants."""
_LAST_STEP, _LONGEST = 2**63 - 1, 315_576_000_000.0
"""The limits of an int64 and, in seconds, of a ``google.protobuf.Duration``, in which APIs show them."""


@dataclass(frozen=True, slots=True)
class Reported:
    """One value of one metric."""

    time: float
    """Seconds since 1970."""
    step: int
    name: str
    value: float


def read_hypertune(content: bytes, names: Collection[str]) -> list[Reported]:
    """What cloudml-hypertune wrote; lines that are not its own are left out."""
    found = []
    for line in content.splitlines():
        try:
            record = json.loads(line)
            time, step = float(record.get("timestamp", 0)), int(float(record.get("global_step", 0)))
            found += [_reported(time, step, name, float(record[name])) for name in names if name in record]
        except (ValueError, TypeError, AttributeError, OverflowError, RecursionError):
            continue  # half a line, while it is being written
    return found


def read_summaries(content: bytes, names: Collection[str]) -> list[Reported]:
    """The scalars of these names in an event file, up to where it is damaged or still being written. Raises nothing.

    The default name of ML Engine is found in any scope, as there.
    """
    scalars = read_events(content)[0]
    if DEFAULT_METRIC in names:
        scalars = [
            replace(each, name=DEFAULT_METRIC) if each.name.endswith(DEFAULT_METRIC) else each for each in scalars
        ]
    return [each for each in scalars if each.name in names]


def read_events(content: bytes) -> tuple[list[Reported], int]:
    """All scalars of an event file, or of a part of one that begins with a record, up to where it is damaged or still
    being written; and where that is, in bytes. Raises nothing."""
    # TensorBoard's own messages: its loader of event files imports TensorFlow.
    from tensorboard.compat.proto.event_pb2 import Event

    found, position = [], 0
    records = read_records(BytesIO(content), most=_LONGEST_EVENT)
    try:
        for record in records:
            position += HEAD_SIZE + len(record) + TAIL_SIZE
            event = Event.FromString(record)
            for value in event.summary.value:
                number = value.simple_value if value.HasField("simple_value") else _number(value.tensor)
                if number is not None:
                    found.append(_reported(event.wall_time, event.step, value.tag, number))
    except InvalidArgument:
        return found, position
    except Exception as error:  # noqa: BLE001 - of protobuf and NumPy: a trainer may have written anything
        logging.getLogger(__name__).info("an event file is damaged: %s", error)
    return found, position


def _number(tensor: "TensorProto") -> float | None:
    """The value of a tensor of one number; None of any other: trainers write texts, images and graphs, too."""
    from tensorboard.util.tensor_util import make_ndarray

    if tensor.dtype in _NO_NUMBERS or math.prod(dim.size for dim in tensor.tensor_shape.dim) != 1:
        return None
    try:
        return float(make_ndarray(tensor).reshape(()))
    except (TypeError, ValueError):  # of another type, or with less content than its shape says
        return None


def _reported(time: float, step: int, name: str, value: float) -> Reported:
    return Reported(time if math.isfinite(time) else 0.0, min(max(step, 0), _LAST_STEP), name, value)


def measurements(reported: Iterable[Reported], started: float) -> tuple[Measurement, ...]:
    """What was reported, by step: of one step and metric the latest.

    Args:
        started: when the trial started, in seconds since 1970.
    """
    by_step: dict[int, dict[str, Reported]] = {}
    for each in sorted(reported, key=lambda each: each.time):
        by_step.setdefault(each.step, {})[each.name] = each
    found = [
        Measurement(
            step,
            min(max(0.0, max(each.time for each in named.values()) - started), _LONGEST),
            {name: each.value for name, each in named.items()},
        )
        for step, named in sorted(by_step.items())
    ]
    while len(found) > _MOST_MEASUREMENTS:
        found = found[::-2][::-1]  # the last one stays
    return tuple(found)


def final(
    found: Sequence[Measurement], metrics: Sequence[Metric], selection: MeasurementSelection
) -> tuple[Measurement | None, str]:
    """The measurement that a trial is judged by, or None and why there is none."""
    names = [metric.name for metric in metrics]
    whole = [each for each in found if all(name in each.metrics for name in names)]
    if not whole:
        reported = {name for each in found for name in each.metrics}
        missing = [name for name in names if name not in reported] or names
        return None, f"The trial reported no value of the metric {missing[0]!r}."
    chosen = whole[-1]
    if selection is MeasurementSelection.BEST:
        first = metrics[0]
        usable = [each for each in whole if all(math.isfinite(each.metrics[name]) for name in names)] or whole[-1:]
        best = min if first.goal is Goal.MINIMIZE else max
        chosen = best(usable, key=lambda each: each.metrics[first.name])
    for name in names:
        if not math.isfinite(chosen.metrics[name]):
            return None, f"The trial's last value of the metric {name!r} is {chosen.metrics[name]}."
    return chosen, ""
