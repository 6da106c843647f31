import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.errors import InvalidArgument
from cloud.names import GsUri
from cloud.resources import PredictionCounts
from cloud.resources.batch_prediction import BatchPredictionSpec, InputFormat, OutputFormat
from cloud.wire.ml_v1_prediction import batch_prediction_spec, prediction_counts, prediction_input, prediction_output

NAMES = st.from_regex(r"[A-Za-z][A-Za-z0-9_]{0,20}", fullmatch=True)
FILES = st.from_regex(r"[^\r\n*?\[\]]{0,20}[^\r\n*?\[\]/]\*?", fullmatch=True).map(lambda path: GsUri("bucket", path))
OTHER_THAN_MODEL = {
    "job_id": NAMES,
    "input_uris": st.lists(FILES, min_size=1).map(tuple),
    "output_uri": st.sampled_from([GsUri("bucket"), GsUri("bucket", "out dir/é/")]),
    "input_format": st.sampled_from([InputFormat.JSON_LINES, InputFormat.TF_RECORD, InputFormat.TF_RECORD_GZIP]),
    "output_format": st.sampled_from(OutputFormat),
    "signature_name": st.none() | st.text(min_size=1),
    "batch_size": st.integers(1, 10**6),
    "labels": st.dictionaries(NAMES, NAMES),
    "runtime_version": st.sampled_from([None, "2.11"]),
}
SPECS = st.builds(
    BatchPredictionSpec, model=NAMES, version=st.none() | NAMES, model_uri=st.none(), **OTHER_THAN_MODEL
) | st.builds(
    BatchPredictionSpec,
    model_uri=st.just(GsUri("bucket", "export")),
    **OTHER_THAN_MODEL,
)
COUNTS = st.builds(
    PredictionCounts,
    succeeded=st.integers(0, 2**62),
    failed=st.integers(0, 2**62),
    output_uri=st.sampled_from([None, GsUri("bucket", "out")]),
)


@given(SPECS)
def test_a_specification_is_read_as_it_was_written(spec: BatchPredictionSpec) -> None:
    body = {"jobId": spec.job_id, "labels": spec.labels, "predictionInput": prediction_input(spec, "p")}
    assert batch_prediction_spec(json.loads(json.dumps(body)), "p") == spec


@given(COUNTS)
def test_counts_are_read_as_they_were_written(counts: PredictionCounts) -> None:
    assert prediction_counts(json.loads(json.dumps(prediction_output(counts)))) == counts


def test_zeros_and_defaults_are_left_out() -> None:
    assert prediction_output(PredictionCounts(output_uri=GsUri("b12", "o")), 0.004) == {"outputPath": "gs://b12/o"}
    spec = BatchPredictionSpec("j", (GsUri("b12", "i"),), GsUri("b12", "o"), model="m")
    assert prediction_input(spec, "p") == {
        "dataFormat": "JSON",
        "inputPaths": ["gs://b12/i"],
        "outputPath": "gs://b12/o",
        "modelName": "projects/p/models/m",
        "region": "us-central1",
    }


ASKED: dict[str, Any] = {
    "dataFormat": "TEXT",
    "inputPaths": ["gs://bucket/in*"],
    "outputPath": "gs://bucket/out",
    "versionName": "projects/p/models/m/versions/v",
    "region": "us-central1",
}


def test_text_is_json_lines() -> None:
    spec = batch_prediction_spec({"jobId": "j", "predictionInput": ASKED}, "p")
    assert (spec.input_format, spec.model, spec.version) == (InputFormat.JSON_LINES, "m", "v")


@pytest.mark.parametrize(
    ("change", "field", "text"),
    [
        ({"versionName": ""}, "model_name", "One of modelName, versionName and uri is required."),
        ({"uri": "gs://bucket/m"}, "model_name", "not versionName and uri"),
        ({"versionName": "m/v"}, "version_name", "projects/PROJECT/models/MODEL/versions/VERSION, not 'm/v'"),
        ({"versionName": "", "modelName": "m"}, "model_name", "projects/PROJECT/models/MODEL, not 'm'"),
        ({"versionName": "projects/q/models/m/versions/v"}, "version_name", "not of 'q'"),
        ({"inputPaths": []}, "input_paths", "At least one input file"),
        ({"inputPaths": ["in"]}, "input_paths", "Must be of form gs://"),
        ({"inputPaths": ["gs://bucket/*/in"]}, "input_paths", "one wildcard, '*' as its last character"),
        ({"inputPaths": ["gs://bucket/i?"]}, "input_paths", "one wildcard"),
        ({"inputPaths": ["gs://bucket/**"]}, "input_paths", "one wildcard"),
        ({"inputPaths": ["gs://bucket/folder/"]}, "input_paths", "no folder"),
        ({"inputPaths": ["gs://bucket"]}, "input_paths", "no folder"),
        ({"outputPath": ""}, "output_path", "Must be of form gs://"),
        ({"outputPath": "gs://bucket/*"}, "output_path", "not a pattern"),
        ({"dataFormat": ""}, "data_format", "One of JSON, TEXT, TF_RECORD, TF_RECORD_GZIP"),
        ({"dataFormat": "CSV"}, "data_format", "CSV is for the output"),
        ({"outputDataFormat": "TF_RECORD"}, "output_data_format", "JSON, TEXT, CSV is required, not 'TF_RECORD'"),
        ({"batchSize": "0"}, "batch_size", "not 0"),
    ],
)
def test_each_rule_names_its_field(change: dict[str, Any], field: str, text: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        batch_prediction_spec({"jobId": "j", "predictionInput": ASKED | change}, "p")
    assert caught.value.field == f"job.prediction_input.{field}"
    assert text in caught.value.message
