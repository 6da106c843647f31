from argparse import Namespace

import pytest

from cloud.stand_ins.failures import Failure
from cloud.stand_ins.output.lists import select

ITEMS = [
    {"name": "projects/p/models/fare", "state": "READY", "count": 3, "labels": {"team": "a"}},
    {"name": "projects/p/models/fare2", "state": "FAILED", "count": 10},
    {"name": "projects/p/models/other", "state": "READY", "count": 2, "createTime": "2026-11-27T20:10:47Z"},
]


def names(**flags: object) -> list[str]:
    found = select(ITEMS, Namespace(**{"flatten": None, "filter": None, "sort_by": None, "limit": None} | flags))
    return [item["name"].rpartition("/")[2] for item in found]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("state=READY", ["fare", "other"]),
        ("state=ready", ["fare", "other"]),
        ("state!=READY", ["fare2"]),
        ("state:READY AND count>2", ["fare"]),
        ("state=READY count=2", ["other"]),
        ("state=FAILED OR count<3", ["fare2", "other"]),
        ("NOT state=READY", ["fare2"]),
        ("-state=READY", ["fare2"]),
        ("(state=READY OR state=FAILED) AND count>=3", ["fare", "fare2"]),
        ("state=(FAILED,READY)", ["fare", "fare2", "other"]),
        ("labels.team=a", ["fare"]),
        ("labels:*", ["fare"]),
        ("name:fare", ["fare"]),
        ("name:fare*", ["fare", "fare2"]),
        ("name~fare", ["fare", "fare2"]),
        ("create_time>2026-11-01", ["other"]),
        ('state="READY"', ["fare", "other"]),
        ("FAILED", ["fare2"]),
        ("", ["fare", "fare2", "other"]),
    ],
)
def test_filters(text: str, found: list[str]) -> None:
    assert names(filter=text) == found


@pytest.mark.parametrize("text", ["(state=READY", "state=READY)", "AND", "state=READY OR"])
def test_what_is_not_understood_is_named(text: str) -> None:
    with pytest.raises(Failure, match="filter"):
        names(filter=text)


def test_order_and_limit() -> None:
    assert names(sort_by="count") == ["other", "fare", "fare2"]
    assert names(sort_by="~count", limit=1) == ["fare2"]
    assert names(sort_by="state,~count") == ["fare2", "fare", "other"]


def test_lists_are_flattened() -> None:
    policy = {"bindings": [{"role": "a", "members": ["x", "y"]}, {"role": "b", "members": ["x"]}]}
    flags = Namespace(flatten="bindings[].members", filter="bindings.members:x")
    assert [each["bindings"]["role"] for each in select(policy, flags)] == ["a", "b"]
