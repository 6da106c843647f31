import contextlib
import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cloud.emulator.rest.discovery import load
from cloud.emulator.rest.errors import InvalidRequest
from emulator_api.discovery_requests import Requests

SCHEMAS = load("ml.v1").schemas
JOB, MODEL, VERSION = (f"GoogleCloudMlV1__{name}" for name in ("Job", "Model", "Version"))
STRATEGIES = Requests(load("ml.v1"), set(), "p")


def job(**given):
    return SCHEMAS.read(JOB, {"trainingInput": given}, "job").get("trainingInput")


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ({"workerCount": 3}, {"workerCount": "3"}),
        ({"workerCount": "3"}, {"workerCount": "3"}),
        ({"workerCount": 3.0}, {"workerCount": "3"}),
        ({"worker_count": "3"}, {"workerCount": "3"}),
        ({"workerCount": "0"}, {}),
        ({"scaleTier": "BASIC"}, {}),
        ({"scaleTier": 1}, {"scaleTier": "STANDARD_1"}),
        ({"region": None}, {}),
        ({"region": ""}, {}),
        ({"args": []}, {}),
        ({"args": ["", "a"]}, {"args": ["", "a"]}),
        ({"enableWebAccess": "true"}, {"enableWebAccess": True}),
        ({"scheduling": {}}, {"scheduling": {}}),
        ({"scheduling": {"maxRunningTime": "1.50s"}}, {"scheduling": {"maxRunningTime": "1.500s"}}),
    ],
)
def test_values_come_out_in_normal_form(given, read):
    assert job(**given) == read


def test_timestamps_and_bytes_in_normal_form():
    given = {"createTime": "2021-05-02T23:01:01.50+02:00", "etag": "__8"}
    assert SCHEMAS.read(JOB, given) == {"createTime": "2021-05-02T21:01:01.500Z", "etag": "//8="}


COUNT, PLACE = "job.training_input.worker_count", "job.training_input"
TIER = "type.googleapis.com/google.cloud.ml.v1.TrainingInput.ScaleTier"
UNKNOWN = "Invalid JSON payload received. Unknown name"


@pytest.mark.parametrize(
    ("given", "field", "text"),
    [
        ({"scaleTire": 1}, PLACE, f"{UNKNOWN} \"scaleTire\" at '{PLACE}': Cannot find field."),
        ({"workerCount": "x"}, COUNT, f"Invalid value at '{COUNT}' (TYPE_INT64), \"x\""),
        ({"workerCount": 2**63}, COUNT, f"Invalid value at '{COUNT}' (TYPE_INT64), {2**63}"),
        ({"workerCount": True}, COUNT, f"Invalid value at '{COUNT}' (TYPE_INT64), true"),
        ({"region": 5}, f"{PLACE}.region", f"Invalid value at '{PLACE}.region' (TYPE_STRING), 5"),
        ({"scaleTier": "X"}, f"{PLACE}.scale_tier", f"Invalid value at '{PLACE}.scale_tier' ({TIER}), \"X\""),
        (
            {"region": ["a"]},
            PLACE,
            f"{UNKNOWN} \"region\" at '{PLACE}': Proto field is not repeating, cannot start list.",
        ),
        (
            {"scheduling": {"maxRunningTime": "7200"}},
            f"{PLACE}.scheduling.max_running_time",
            f"Invalid value at '{PLACE}.scheduling.max_running_time' (type.googleapis.com/google.protobuf.Duration), "
            "Field 'maxRunningTime', Illegal duration format; duration must end with 's'",
        ),
        ({"args": ["a", 1]}, f"{PLACE}.args[1]", f"Invalid value at '{PLACE}.args[1]' (TYPE_STRING), 1"),
        ({"workerCount": 1, "worker_count": 1}, PLACE, f"{UNKNOWN} \"worker_count\" at '{PLACE}': Field is set twice."),
    ],
)
def test_what_is_wrong_is_said_in_googles_words(given, field, text):
    with pytest.raises(InvalidRequest) as caught:
        job(**given)
    [violation] = caught.value.violations
    assert (violation.field, violation.description) == (field, text)


@pytest.mark.parametrize(
    "time", [5, "", "2021", "2021-05-02T21:01:01", "2021-13-02T21:01:01Z", "0001-01-01T00:00:00+10:00"]
)
def test_what_is_no_time(time):
    with pytest.raises(InvalidRequest, match="Field 'createTime', "):
        SCHEMAS.read(JOB, {"createTime": time}, "job")


def test_everything_wrong_is_found_at_once():
    with pytest.raises(InvalidRequest) as caught:
        SCHEMAS.read(MODEL, {"name": 1, "labels": {"a": "b", "c": 2}, "x": 1, "etag": "*", "regions": "r"}, "model")
    fields = [violation.field for violation in caught.value.violations]
    assert fields == ["model.name", "model.labels[1].value", "model", "model.etag", "model.regions"]


def test_of_a_flood_of_faults_the_first_hundred_are_told():
    with pytest.raises(InvalidRequest) as caught:
        SCHEMAS.read(MODEL, {"labels": dict.fromkeys(map(str, range(1000)), 1)}, "model")
    assert len(caught.value.violations) == 100


@pytest.mark.parametrize("value", [None, 1, "x", [], True])
def test_a_message_is_an_object(value):
    with pytest.raises(InvalidRequest, match="Root element must be a message"):
        SCHEMAS.read(JOB, value)
    if value is not None:
        with pytest.raises(InvalidRequest, match=r"google\.cloud\.ml\.v1\.TrainingInput"):
            SCHEMAS.read(JOB, {"trainingInput": value}, "job")


@given(st.sampled_from([JOB, MODEL, VERSION]).flatmap(lambda name: st.tuples(st.just(name), STRATEGIES.message(name))))
def test_reading_what_was_read_changes_nothing(case):
    name, value = case
    read = SCHEMAS.read(name, value)
    assert SCHEMAS.read(name, read) == read
    assert SCHEMAS.read(name, json.loads(json.dumps(read))) == read


json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
    lambda below: st.one_of(st.lists(below, max_size=3), st.dictionaries(st.text(max_size=5), below, max_size=3)),
)


@example({"state": float("inf")})
@given(
    st.dictionaries(
        st.sampled_from(["jobId", "createTime", "labels", "trainingInput", "state", "etag", "jobPosition"]), json_values
    )
)
def test_any_json_is_read_or_refused(value):
    with contextlib.suppress(InvalidRequest):
        read = SCHEMAS.read(JOB, value, "job")
        assert SCHEMAS.read(JOB, read, "job") == read


def test_fields_are_found_by_path():
    assert SCHEMAS.json_path(JOB, "trainingInput.region") == ["trainingInput", "region"]
    way = ["trainingInput", "masterConfig", "imageUri"]
    assert SCHEMAS.json_path(JOB, "training_input.masterConfig.image_uri") == way
    assert SCHEMAS.json_path(JOB, "labels.any_thing") == ["labels", "any_thing"]
    assert SCHEMAS.json_path(JOB, "trainingInput.nothing") is None
    assert SCHEMAS.json_path(JOB, "state.below") is None


def test_enums_by_number_wherever_they_are():
    schemas = load("aiplatform.v1").schemas
    model = {
        "displayName": "m",
        "supportedDeploymentResourcesTypes": ["DEDICATED_RESOURCES", "AUTOMATIC_RESOURCES"],
        "labels": {"state": "DEDICATED_RESOURCES"},
        "metadata": {"state": "JOB_STATE_FAILED"},
    }
    numbered = model | {"supportedDeploymentResourcesTypes": [1, 2]}
    assert schemas.numbered("GoogleCloudAiplatformV1Model", model) == numbered
    for place in ("response", "metadata"):
        typed = {"@type": "type.googleapis.com/google.cloud.aiplatform.v1.Model"}
        operation = {"name": "o", place: typed | model}
        assert schemas.numbered("GoogleLongrunningOperation", operation)[place] == typed | numbered
    unknown = {"name": "o", "response": {"@type": "type.googleapis.com/google.protobuf.Empty"}}
    assert schemas.numbered("GoogleLongrunningOperation", unknown) == unknown


@given(STRATEGIES.message(JOB))
def test_enums_by_number_are_read_as_the_same(value):
    read = SCHEMAS.read(JOB, value)
    assert SCHEMAS.read(JOB, SCHEMAS.numbered(JOB, read)) == read
