import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.classroom.report import CheckReport, Failure, Report, read_report

REPORT = Report({"bucket": CheckReport(done=True, en="yes", es="sí")}, failure=Failure("job_1", "why"))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["checks", "is_late", "failure", "x"]), inner),
)


def test_a_report_survives_the_way() -> None:
    assert read_report(json.loads(json.dumps(REPORT.to_json()))) == REPORT
    assert REPORT.is_done("bucket")
    assert not REPORT.is_done("grant")
    assert REPORT.checks["bucket"].text("es") == "sí"


@given(JSON)
def test_nothing_else_is_believed(message: object) -> None:
    try:
        found = read_report(message)
    except ValueError:
        return
    assert found == Report(is_late=found.is_late)


@pytest.mark.parametrize(
    "wrong",
    [
        {"checks": {"bucket": {"done": 1, "en": "", "es": ""}}},
        {"checks": {"bucket": {"done": True, "en": "", "es": None}}},
        {"checks": {str(number): {"done": True, "en": "", "es": ""} for number in range(101)}},
        {"failure": "job_1"},
    ],
)
def test_a_forged_report_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="no "):
        read_report({"checks": {}, "is_late": False, "failure": None} | wrong)


def test_long_texts_are_cut() -> None:
    long = Report({"a": CheckReport(done=False, en="x" * 10**6, es="")})
    assert len(read_report(long.to_json()).checks["a"].en) == 1000
