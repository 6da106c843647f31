"""Patterns of objects' names."""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.engine.storage.globs import LONGEST, Glob
from cloud.errors import InvalidArgument


@pytest.mark.parametrize(
    ("pattern", "matching", "other"),
    [
        ("*.csv", ["a.csv", ".csv"], ["d/a.csv", "a.csv2"]),
        ("**.csv", ["a.csv", "d/e/a.csv"], ["a.tsv"]),
        ("**/a.csv", ["a.csv", "d/a.csv", "d/e/a.csv"], ["ba.csv"]),
        ("d/?.csv", ["d/a.csv"], ["d/ab.csv", "d//.csv"]),
        ("[a-c]x", ["ax", "cx"], ["dx", "x"]),
        ("[!a]x", ["bx"], ["ax"]),
        ("{train,valid}-*.csv", ["train-1.csv", "valid-2.csv"], ["test-1.csv", "train"]),
        ("{a,{b,c}d,}x", ["ax", "bdx", "cdx", "x"], ["bx", "ad", ""]),
        ("a,b+c", ["a,b+c"], ["a", "ab+c"]),
        ("a}b", ["a}b"], ["ab"]),
        ("", [""], ["a"]),
        ("a*/b", ["a/b", "ax/b"], ["a/x/b"]),
    ],
)
def test_globs(pattern, matching, other):
    glob = Glob(pattern)
    assert [name for name in matching if not glob.matches(name)] == []
    assert [name for name in other if glob.matches(name)] == []


_EXPRESSIONS = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]", "{": "(?:", "}": ")", ",": "|"}


@given(
    st.lists(st.sampled_from(["a", "b", "/", "*", "**", "**/", "?", "{a,b/}", "{*,a**}"]), max_size=6),
    st.lists(st.text("ab/", max_size=8), max_size=6),
)
def test_a_glob_matches_as_its_regular_expression(pieces, names):
    pattern = "".join(pieces)
    expression = re.sub(r"\*\*/|\*\*|[*?{},]", lambda match: _EXPRESSIONS[match[0]], pattern)
    glob = Glob(pattern)
    for name in names:
        assert glob.matches(name) == bool(re.fullmatch(expression, name)), (pattern, name)


@pytest.mark.parametrize("pattern", ["*" * 200 + "x", "*a" * 200 + "x", "**{a,*a}" * 60 + "x", "a" * LONGEST])
def test_the_time_to_match_is_bounded_whatever_the_pattern(pattern):
    start = time.process_time()
    assert not Glob(pattern).matches("a" * 1000)
    assert time.process_time() - start < 5


@pytest.mark.parametrize("pattern", ["[", "a[b", "[]", "{", "{a,b", "[z-a]", "x" * (LONGEST + 1)])
def test_what_is_no_pattern_is_refused(pattern):
    with pytest.raises(InvalidArgument):
        Glob(pattern)
