"""Against what Cloud SDK 528 prints of the same resources."""

import pytest

from cloud.stand_ins.failures import Failure
from cloud.stand_ins.output.formats import render

JOBS = [
    {"jobId": "job2", "state": "SUCCEEDED", "createTime": "2026-11-27T20:11:38Z", "input": {"args": ["--a", "2"]}},
    {"jobId": "job1", "state": "FAILED", "createTime": "2026-11-27T20:10:47Z"},
]
LISTED = "table(jobId.basename(), state:label=STATUS, createTime.date():label=CREATED)"


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        (
            LISTED,
            "JOB_ID  STATUS     CREATED\n"
            "job2    SUCCEEDED  2026-11-27T20:11:38\n"
            "job1    FAILED     2026-11-27T20:10:47\n",
        ),
        ("value(jobId,state)", "job2\tSUCCEEDED\njob1\tFAILED\n"),
        ("value(createTime)", "2026-11-27T20:11:38\n2026-11-27T20:10:47\n"),
        ("value(JOB_ID)", "job2\njob1\n"),
        ("value[separator=','](jobId, state)", "job2,SUCCEEDED\njob1,FAILED\n"),
        ("value(input.args)", "--a;2\n\n"),
        ("value(input.args[0])", "--a\n\n"),
        ("csv(jobId,state)", "job_id,status\njob2,SUCCEEDED\njob1,FAILED\n"),
        ("csv[no-heading](jobId)", "job2\njob1\n"),
        ("table(jobId,state)", "JOB_ID  STATUS\njob2    SUCCEEDED\njob1    FAILED\n"),
        ("table[no-heading](jobId)", "job2\njob1\n"),
        ("yaml(jobId)", "---\njobId: job2\n---\njobId: job1\n"),
        ("json(jobId)", '[\n  {\n    "jobId": "job2"\n  },\n  {\n    "jobId": "job1"\n  }\n]\n'),
        ("none", ""),
    ],
)
def test_a_list(text: str, printed: str) -> None:
    assert render(JOBS, text, LISTED) == printed


def test_one_resource_is_yaml_with_sorted_keys_and_googles_quotes() -> None:
    resource = {
        "state": "FAILED",
        "version": "2.3",
        "createTime": "2026-11-27T20:11:38Z",
        "args": ["--a=1", "2"],
        "output": {},
        "message": "Must be: 'gs://bucket/object'",
        "log": "one\ntwo\n",
        "done": True,
    }
    assert render(resource, "yaml") == (
        "args:\n- --a=1\n- '2'\ncreateTime: '2026-11-27T20:11:38Z'\ndone: true\nlog: |\n  one\n  two\n"
        "message: \"Must be: 'gs://bucket/object'\"\noutput: {}\nstate: FAILED\nversion: '2.3'\n"
    )


@pytest.mark.parametrize("text", ["tabel(a)", "value", "value(a.nothing())", "value(a b)"])
def test_what_is_not_understood_is_named(text: str) -> None:
    with pytest.raises(Failure):
        render(JOBS, text)
