"""Filters as gcloud, the console's links and people write them, on entries such as jobs write."""

from datetime import UTC, datetime

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cloud.emulator.logging_v2.filters import parse_filter, partly
from cloud.emulator.logging_v2.messages import entry_json, key_of
from cloud.errors import InvalidArgument
from cloud.resources.log_entries import LogEntry, Severity

WHEN = datetime(2018, 8, 29, 13, 25, 1, 123456, tzinfo=UTC)


def entry(place: int, severity: Severity, task: str, message: str) -> dict:
    written = LogEntry(WHEN, severity, task, message, place)
    return entry_json("my-project", "taxi_1", key_of("taxi_1", written), written)


LINE = entry(7, Severity.WARNING, "master-replica-0", "Loss = 3.5 (bad)")
SERVICE = entry(8, Severity.INFO, "service", "Job failed.")
ID = LINE["insertId"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   -- nothing but a runtime_notice",
        # gcloud ai-platform jobs stream-logs
        '(resource.type="ml_job" OR resource.type="cloudml_job") AND resource.labels.job_id="taxi_1"'
        ' AND timestamp>="1970-01-01T01:00:00.000000000Z" AND timestamp<"2018-08-29T13:25:01.123457+00:00"',
        f'((timestamp="2018-08-29T13:25:01.123456Z" AND insertId>="{ID}") OR timestamp>"2018-08-29T13:25:01.123456Z")',
        '(resource.labels.task_name="master-replica-0" OR labels.task_name="master-replica-0")',
        # the console's links
        'resource.type="ml_job"\nresource.labels.job_id="taxi_1"',
        'resource.type="ml_job" resource.labels.job_id="taxi_1" resource.labels.task_name="master-replica-0"'
        ' logName="projects/my-project/logs/master%2Dreplica%2D0" OR logName:"master-replica"',
        # people
        "severity>=WARNING",
        "severity = warning",
        "severity>INFO AND severity<=500",
        "severity=(ERROR OR WARNING)",
        "severity!=(ERROR OR CRITICAL)",
        'labels."ml.googleapis.com/job_id"=taxi_1',
        "labels.'ml.googleapis.com/task_name':replica",
        'labels."ml.googleapis.com/trial_id"=""',
        "jsonPayload.message:loss",
        'jsonPayload.message:"loss = 3.5 (BAD)"',
        'jsonPayload.message=~"Loss = [0-9.]+"',
        'jsonPayload.message!~"^loss"',
        "jsonPayload.message:(loss AND bad)",
        "jsonPayload.lineno<1",
        "jsonPayload.created>1535549101",
        "jsonPayload.levelname!=ERROR",
        "jsonPayload.message:*",
        "NOT textPayload:*",
        'textPayload!="x"',
        "loss",
        '"3.5 (bad)"',
        "loss bad",
        "-profit",
        "-severity=ERROR",
        "-(severity=ERROR OR severity=INFO)",
        "NOT NOT loss",
        'timestamp>="2018-08-29" timestamp<"2018-08-30"',
        'timestamp="2018-08-29T15:25:01.123456000+02:00"',
        'log_id("master-replica-0")',
        'SEARCH("bad loss")',
        'SEARCH(jsonPayload.message, "bad")',
        "profit OR loss AND NOT gain",
        'jsonPayload:"loss"',
        r'jsonPayload.message:"\x4coss \u003d"',
        'trace=""',
    ],
)
def test_what_is_wanted(text: str) -> None:
    assert parse_filter(text)(LINE) is True


@pytest.mark.parametrize(
    "text",
    [
        'resource.labels.job_id="taxi_2"',
        "severity>=ERROR",
        "severity>=ERROR OR severity<INFO",
        f'timestamp="2018-08-29T13:25:01.123456Z" AND insertId>"{ID}"',
        'timestamp<"2018-08-29T13:25:01.123456Z"',
        "textPayload:*",
        "jsonPayload.nothing=1",
        "jsonPayload.nothing!=1",
        "labels.nothing!=1",
        "jsonPayload.lineno>many",
        "resource.type.more=x",
        'jsonPayload.message=~"loss"',
        'jsonPayload.message:(loss AND "profit")',
        "NOT loss OR profit",
        "loss -bad",
        'log_id("service")',
        'SEARCH("bad profit")',
        'resource="ml_job"',
        "timestamp:*  AND trace:*",
    ],
)
def test_what_is_not_wanted(text: str) -> None:
    assert parse_filter(text)(LINE) is False


def test_or_binds_tighter_than_and() -> None:
    assert parse_filter("severity=INFO OR loss AND profit")(LINE) is False
    assert parse_filter("(severity=INFO AND profit) OR loss")(LINE) is True


def test_the_services_lines_are_text_in_a_log_of_their_own() -> None:
    log = 'log_id("ml.googleapis.com/taxi_1")'
    for text in ('textPayload="Job failed."', "resource.labels.task_name=service", log):
        assert parse_filter(text)(SERVICE) is True
        assert parse_filter(text)(LINE) is False


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("severity=", "end of filter"),
        ("(loss", "end of filter"),
        ("loss)", "line 1, column 5"),
        ("a\nseverity =", "line 2"),
        ('"no end', "column 1"),
        ("AND", "'AND'"),
        ("a OR", "end of filter"),
        ("NOT", "end of filter"),
        ("severity=LOUD", "invalid severity 'LOUD'"),
        ("severity>=()", "')'"),
        ("timestamp>yesterday", "invalid timestamp 'yesterday'"),
        ('timestamp>"2018-13-01"', "invalid timestamp"),
        ("color=red", "Field not found: 'color'"),
        ('jsonPayload.message=~"("', "regular expression"),
        ("sample(insertId, 0.1)", "no function 'sample'"),
        ("log_id(a, b)", "no function 'log_id' with 2 arguments"),
        ("x" * 20_001, "at most 20000 characters"),
        ("(" * 1000, "nested too deeply"),
        ("NOT " * 1000 + "x", "nested too deeply"),
    ],
    ids=lambda value: value[:30],
)
def test_what_is_no_filter(text: str, says: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        parse_filter(text)
    assert says in caught.value.message
    assert caught.value.field == "filter"


PIECES = st.sampled_from(
    [
        *(
            "AND",
            "OR",
            "NOT",
            "-",
            "--",
            "(",
            ")",
            ",",
            "=",
            "!=",
            ":",
            ">",
            ">=",
            "<",
            "<=",
            "=~",
            "!~",
            "*",
            ".",
            '"',
            "'",
        ),
        *("severity", "timestamp", "jsonPayload.message", 'labels."a.b"', "labels.", "log_id(", "SEARCH(", "insertId"),
        *("ERROR", "loss", '"loss"', "3.5", "-1", "1e99", '"2018-08-29"', r'"\ud800"', r'"\777"', "\n", " ", "ü"),
    ]
)


@given(st.lists(PIECES).map(" ".join) | st.lists(PIECES).map("".join) | st.text())
@example(r'log_id("\ud800")')
@example("severity>" + "9" * 400)
@example('labels."":x')
@settings(max_examples=200)
def test_no_filter_is_worse_than_400(text: str) -> None:
    try:
        wanted = parse_filter(text)
    except InvalidArgument as error:
        error.message.encode()
        return
    assert wanted(LINE) in (True, False)
    assert wanted(SERVICE) in (True, False)
    # What is known of the job alone never says no to an entry that is wanted.
    known = partly({"resource": {"type": "ml_job", "labels": {"job_id": "taxi_1", "project_id": "my-project"}}})
    assert wanted(known) in (None, wanted(LINE))


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ('resource.labels.job_id="taxi_2"', False),
        ('resource.labels.job_id="taxi_2" OR loss', None),
        ('NOT resource.labels.job_id="taxi_1"', False),
        ('resource.type="ml_job" resource.labels.job_id="taxi_1"', True),
        ('resource.labels.job_id="taxi_1" severity>=ERROR', None),
        ('resource.labels.task_name="x"', None),
        ("labels.x:*", None),
    ],
)
def test_a_log_that_cannot_hold_what_is_wanted_need_not_be_read(text: str, answer: bool | None) -> None:
    known = partly({"resource": {"type": "ml_job", "labels": {"job_id": "taxi_1"}}})
    assert parse_filter(text)(known) is answer
