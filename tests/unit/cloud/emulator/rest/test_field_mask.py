import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.emulator.rest.field_mask import apply_fields, parse_fields
from cloud.errors import InvalidArgument

ANSWER = {
    "kind": "storage#objects",
    "nextPageToken": "t",
    "prefixes": ["d/"],
    "items": [
        {"name": "a", "size": "1", "acl": [{"entity": "allUsers", "role": "READER"}], "metadata": {"k": "v"}},
        {"name": "b", "size": "2"},
    ],
}


@pytest.mark.parametrize(
    ("fields", "answer"),
    [
        ("kind", {"kind": "storage#objects"}),
        ("items/name,prefixes,nextPageToken", {**ANSWER, "kind": None, "items": [{"name": "a"}, {"name": "b"}]}),
        ("items(name,size)", {"items": [{"name": "a", "size": "1"}, {"name": "b", "size": "2"}]}),
        ("items( name , acl( role ) )", {"items": [{"name": "a", "acl": [{"role": "READER"}]}, {"name": "b"}]}),
        ("items/acl/entity", {"items": [{"acl": [{"entity": "allUsers"}]}, {}]}),
        ("items/name,items/size", {"items": [{"name": "a", "size": "1"}, {"name": "b", "size": "2"}]}),
        ("items,items/size", {"items": ANSWER["items"]}),
        ("*", ANSWER),
        (
            "*/name",
            {
                "kind": "storage#objects",
                "nextPageToken": "t",
                "prefixes": ["d/"],
                "items": [{"name": "a"}, {"name": "b"}],
            },
        ),
        ("unknown", {}),
    ],
)
def test_partial_answers(fields, answer):
    assert apply_fields(parse_fields(fields), ANSWER) == {k: v for k, v in answer.items() if v is not None}


@pytest.mark.parametrize("fields", ["items(", "items(name", ")", "a,,b", "a/", "/a", "a b", "a(b)c", "é", ",a", "()"])
def test_what_is_no_selection_is_refused(fields):
    with pytest.raises(InvalidArgument, match="Invalid field selection"):
        parse_fields(fields)


NAMES = st.sampled_from(["a", "b", "c"])
TREES = st.recursive(st.none(), lambda below: st.dictionaries(NAMES, below, min_size=1, max_size=3), max_leaves=8)


def spelled(mask):
    return ",".join(name if below is None else f"{name}({spelled(below)})" for name, below in mask.items())


@given(st.dictionaries(NAMES, TREES, min_size=1))
def test_round_trip(mask):
    assert parse_fields(spelled(mask)) == mask
