import contextlib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cloud.emulator.rest.aip160 import ListFilter
from cloud.errors import InvalidArgument

JOB = {
    "jobId": "rnn_1",
    "state": "FAILED",
    "createTime": "2018-08-29T13:25:01Z",
    "labels": {"owner": "me", "tier": "10"},
    "trainingInput": {"region": "us-east1", "args": ["--steps=9", "x y"], "workerCount": "9"},
    "trainingOutput": {"consumedMLUnits": 1.5},
    "done": True,
}


def matches(text: str) -> bool:
    return ListFilter(text, lambda path: path.split(".") if path.split(".")[0] in JOB else None)(JOB)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "jobId:rnn*",
        "jobId:*_1",
        "jobId:*",
        "jobId=rnn_1",
        'jobId="rnn_1"',
        "jobId:rnn* AND state:FAILED",
        "jobId:rnn* state:FAILED",
        "state:QUEUED OR state:FAILED",
        "state:QUEUED OR state:FAILED AND jobId:rnn*",
        "state:FAILED OR jobId:x AND jobId:rnn_1",  # OR binds tighter
        "NOT state:QUEUED",
        "-state:QUEUED",
        "NOT (state:QUEUED OR jobId:x)",
        "state!=QUEUED",
        "createTime>2018-08-29T13:25:00Z",
        'createTime<="2018-08-29T13:25:01Z"',
        'createTime>"2018-08-29T15:25:00+02:00"',
        "createTime<2018-08-29T13:25:01.5Z",
        'createTime<"2018-08-29T13:25:01.000001+00:00"',
        "createTime>=2018-08-29T13:25:01.000Z",
        "createTime>2018-08-29",
        "createTime>not-a-time OR createTime<not-a-time",
        "trainingOutput.consumedMLUnits>1.4",
        "trainingInput.workerCount<10",
        'trainingInput.args:"--steps=9"',
        "trainingInput.args:'x y'",
        "labels.owner:me",
        "labels:owner",
        "labels.tier>9",
        "done:true",
    ],
)
def test_wanted(text):
    assert matches(text)


@pytest.mark.parametrize(
    "text",
    [
        "jobId:rnn",
        "jobId:RNN*",
        "state:FAILED AND jobId:x",
        "state:FAILED AND NOT jobId:rnn*",
        "labels.nobody:me",
        "labels.nobody>1",
        "trainingOutput.consumedMLUnits>1.5",
        'jobId:"rnn.1"',
        "createTime>2018-08-29T13:25:01.000Z",
        'createTime<"2018-08-29T14:25:01+02:00"',
        "createTime<2018-08-29",
    ],
)
def test_not_wanted(text):
    assert not matches(text)


@pytest.mark.parametrize(
    "text",
    [
        "jobId",
        "jobId:",
        ":x",
        "jobId:x AND",
        "OR jobId:x",
        "(jobId:x",
        "jobId:x)",
        "unknown:x",
        "jobId::x",
        'jobId:"x',
        "NOT",
        "jobId ! x",
        "(" * 50 + "jobId:x" + ")" * 50,
        "NOT " * 3000 + "jobId:x",
        "jobId:" + "x" * 3000,
    ],
)
def test_what_is_no_filter(text):
    with pytest.raises(InvalidArgument) as caught:
        matches(text)
    assert caught.value.field == "filter"


@given(st.text(alphabet="jobId:=()\"NOTAR*- \\x'<>", max_size=40))
def test_any_text_is_a_filter_or_refused(text):
    with contextlib.suppress(InvalidArgument):
        assert matches(text) in (True, False)


@given(st.text(st.characters(exclude_characters="x"), max_size=20))
@example("a*b")
def test_a_quoted_value_is_taken_as_it_is(value):
    quoted = value.replace("\\", "\\\\").replace('"', '\\"')
    wanted = ListFilter(f'name="{quoted}"', lambda path: [path] if path == "name" else None)
    assert wanted({"name": value})
    assert wanted({"name": value + "x"}) == value.endswith("*")


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("state:FAILED", {"FAILED"}),
        ('state="FAILED" jobId:rnn*', {"FAILED"}),
        ("state=A OR state:B", {"A", "B"}),
        ("state:(A OR B)", {"A", "B"}),
        ("state=A AND (state=B OR state=A)", {"A"}),
        ("state=A OR jobId=x", None),
        ("state:A*", None),
        ("state!=A", None),
        ("NOT state=A", None),
        ("jobId:x", None),
        ("", None),
    ],
)
def test_the_values_that_a_filter_fixes(text, values):
    found = ListFilter(text, lambda path: [path])
    assert found.values_of("state") == values
