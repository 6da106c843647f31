import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.errors import InvalidArgument
from cloud.names import GsUri
from cloud.resources import Framework, PredictionCounts, Service, ServingStack
from cloud.resources.batch_prediction import (
    BatchPredictionSpec,
    InputFormat,
    InstanceConfig,
    InstanceType,
    OutputFormat,
)
from cloud.wire.vertex_prediction import (
    PredictionModel,
    batch_prediction_body,
    batch_prediction_spec,
    outcome,
    prediction_counts,
)

FIELD = st.text(min_size=1, max_size=5)
FILES = st.from_regex(r"[^\r\n]{0,20}[^\r\n/]", fullmatch=True).map(lambda path: GsUri("bucket", path))
LINES = st.one_of(
    st.builds(
        InstanceConfig,
        type=st.none() | st.sampled_from(InstanceType),
        included_fields=st.lists(FIELD, unique=True).map(tuple),
    ),
    st.builds(InstanceConfig, key_field=FIELD, excluded_fields=st.lists(FIELD).map(tuple)),
)


def specs(form: st.SearchStrategy[InputFormat], config: st.SearchStrategy[InstanceConfig]) -> Any:
    return st.builds(
        BatchPredictionSpec,
        job_id=st.from_regex(r"[1-9][0-9]{0,18}", fullmatch=True),
        region=st.just("europe-west4"),
        service=st.just(Service.VERTEX_AI),
        service_account=st.sampled_from(["", "me@p.iam.gserviceaccount.com"]),
        labels=st.dictionaries(st.text(max_size=5), st.text(max_size=5)),
        input_uris=st.lists(FILES, min_size=1).map(tuple),
        output_uri=st.sampled_from([GsUri("bucket"), GsUri("bucket", "out dir/é/")]),
        input_format=form,
        output_format=st.sampled_from(OutputFormat),
        batch_size=st.integers(1, 2**31 - 1),
        instance_config=config,
        parameters=st.sampled_from([None, {"signature_name": "a"}, [1.5]]),
        model_uri=st.just(GsUri("bucket", "export")),
        image=st.just("image"),
        framework=st.sampled_from(Framework),
        serving_stack=st.sampled_from(ServingStack),
        model_display_name=st.text(max_size=5),
    )


SPECS = specs(st.just(InputFormat.JSON_LINES), LINES) | specs(st.sampled_from(InputFormat), st.just(InstanceConfig()))
COUNTS = st.builds(
    PredictionCounts,
    succeeded=st.integers(0, 2**62),
    failed=st.integers(0, 2**62),
    output_uri=st.sampled_from([None, GsUri("bucket", "out/prediction-m-1")]),
    partial_failures=st.lists(st.text()).map(tuple),
)


@given(SPECS)
def test_a_specification_is_read_as_it_was_written(spec: BatchPredictionSpec) -> None:
    body = json.loads(json.dumps(batch_prediction_body(spec, "projects/1/locations/l/models/m@1")))
    model = PredictionModel(
        display_name=spec.model_display_name,
        uri=spec.model_uri,
        image=spec.image,
        framework=spec.framework,
        serving_stack=spec.serving_stack,
    )
    assert body["model"] == "projects/1/locations/l/models/m@1"
    assert batch_prediction_spec(spec.job_id, body, model, location=spec.region) == spec


@given(COUNTS, st.booleans())
def test_counts_are_read_as_they_were_written(counts: PredictionCounts, is_complete: bool) -> None:
    assert prediction_counts(json.loads(json.dumps(outcome(counts, is_complete=is_complete)))) == counts


def test_a_deployed_model_is_named_by_the_caller() -> None:
    model = PredictionModel(model="taxi", version="v1")
    body = {
        "inputConfig": {"instancesFormat": "jsonl", "gcsSource": {"uris": ["gs://b12/i"]}},
        "outputConfig": {"predictionsFormat": "jsonl", "gcsDestination": {"outputUriPrefix": "gs://b12/o"}},
    }
    spec = batch_prediction_spec("1", body, model, location="us-central1")
    assert (spec.model, spec.version, spec.model_uri, spec.batch_size) == ("taxi", "v1", None, 64)


def test_only_one_model_is_taken() -> None:
    with pytest.raises(InvalidArgument, match=r"batch_prediction_job\.model: A model is required, not several"):
        BatchPredictionSpec(
            "1",
            (GsUri("b12", "i"),),
            GsUri("b12", "o"),
            model="m",
            model_uri=GsUri("b12", "m"),
            service=Service.VERTEX_AI,
        )
