"""Tuning jobs and their trials, of either service, for hypothesis."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from cloud.lifecycle import JobState
from cloud.names import GsUri
from cloud.resources import Service, TrainingSpec
from cloud.resources.trials import Goal, Measurement, Metric, Parameter, ParameterType, ScaleType, Trial, Value
from cloud.resources.tuning import Algorithm, EarlyStopping, MeasurementSelection, TuningSpec

NAMES = st.from_regex(r"[a-z][a-z_0-9-]{0,8}", fullmatch=True)
NUMBERS = st.floats(1e-6, 1e6)
SCALES = st.sampled_from([None, *ScaleType])
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
MOMENTS = st.integers(0, 10**9).map(lambda seconds: LONG_AGO + timedelta(seconds=seconds))


@st.composite
def _parameter(draw: st.DrawFn, name: str, parent_values: tuple[Value, ...] = (), depth: int = 0) -> Parameter:
    kind = draw(st.sampled_from(list(ParameterType)))
    low: float | None = None
    high: float | None = None
    values: tuple[float, ...] = ()
    categories: tuple[str, ...] = ()
    match kind:
        case ParameterType.DOUBLE:
            low, high = sorted((draw(NUMBERS), draw(NUMBERS)))
        case ParameterType.INTEGER:
            low, high = map(float, sorted((draw(st.integers(1, 10**6)), draw(st.integers(1, 10**6)))))
        case ParameterType.DISCRETE:
            found = draw(st.lists(st.integers(1, 1000), min_size=1, max_size=4, unique=True))
            values = tuple(each / 4 for each in sorted(found))
        case ParameterType.CATEGORICAL:
            texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=5)
            categories = tuple(draw(st.lists(texts, min_size=1, max_size=4, unique=True)))
    children: list[Parameter] = []
    if depth and kind is not ParameterType.DOUBLE:
        choices = values or categories or (int(low or 0),)
        for number in range(draw(st.integers(0, 2))):
            active = draw(st.lists(st.sampled_from(choices), min_size=1, max_size=2, unique=True))
            children.append(draw(_parameter(f"{name}.{number}", tuple(active), depth - 1)))
    scale = None if kind is ParameterType.CATEGORICAL else draw(SCALES)
    return Parameter(name, kind, low, high, values, categories, scale, parent_values, tuple(children))


def _parameters(names: Sequence[str], depth: int) -> st.SearchStrategy[tuple[Parameter, ...]]:
    return st.tuples(*(_parameter(name, depth=depth) for name in names))


@st.composite
def specs(draw: st.DrawFn, service: Service) -> TuningSpec:
    is_vertex = service is Service.VERTEX_AI
    names = draw(st.lists(NAMES, min_size=1, max_size=3, unique=True))
    job_id = "12" if is_vertex else "tune"
    uris = () if is_vertex else (GsUri("bucket", "a.whl"),)
    most = draw(st.integers(1, 100))
    algorithms = [Algorithm.DEFAULT, Algorithm.RANDOM_SEARCH]
    stopping = list(EarlyStopping) if is_vertex else [EarlyStopping.NONE, EarlyStopping.MEDIAN_BY_STEP]
    metrics = draw(st.lists(NAMES, min_size=1, max_size=2 if is_vertex else 1, unique=True))
    return TuningSpec(
        job_id,
        TrainingSpec(job_id, uris, "trainer.task", service=service),
        tuple(Metric(name, draw(st.sampled_from(Goal))) for name in metrics),
        draw(_parameters(names, depth=2 if is_vertex else 0)),
        max_trials=most,
        parallel_trials=draw(st.integers(1, most)),
        max_failed_trials=draw(st.integers(0, most)),
        algorithm=draw(st.sampled_from(algorithms)),
        early_stopping=draw(st.sampled_from(stopping)),
        selection=draw(st.sampled_from(MeasurementSelection)) if is_vertex else MeasurementSelection.LAST,
        resume_previous_job_id=None if is_vertex else draw(st.sampled_from([None, "earlier"])),
        service=service,
    )


@st.composite
def trials(draw: st.DrawFn, spec: TuningSpec) -> Trial:
    chosen: dict[str, Value] = {}

    def choose(parameters: Sequence[Parameter]) -> None:
        for each in parameters:
            if each.type in (ParameterType.DOUBLE, ParameterType.INTEGER):
                value: Value = each.min_value if each.type is ParameterType.DOUBLE else int(each.max_value or 0)  # type: ignore[assignment]
            else:
                value = draw(st.sampled_from(each.values or each.categories))
            chosen[each.name] = value
            choose([child for child in each.children if value in child.parent_values])

    choose(spec.parameters)
    state = draw(st.sampled_from([JobState.RUNNING, JobState.CANCELLING, JobState.SUCCEEDED, JobState.FAILED]))
    values = {metric.name: draw(st.floats(allow_nan=False, allow_infinity=False)) for metric in spec.metrics}
    step = draw(st.integers(0, 10**9))
    has_final = state is JobState.SUCCEEDED
    elapsed = draw(st.integers(0, 10**6)) if spec.service is Service.VERTEX_AI else 0
    return Trial(
        str(draw(st.integers(1, 100))),
        state,
        chosen,
        draw(st.none() | MOMENTS),
        draw(st.none() | MOMENTS) if state.is_final else None,
        Measurement(step, float(elapsed), values) if has_final else None,
    )
