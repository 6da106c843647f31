import bisect
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.engine.storage.listing import ListQuery, glob_expression, list_page, successor
from cloud.errors import InvalidArgument

NAME = st.text(st.sampled_from("ab/Z\ud7ff\ue000\uffff\U0010ffff"), min_size=1, max_size=6)


@dataclass(frozen=True)
class Item:
    name: str


def scan_of(names):
    ordered = sorted(set(names))
    return lambda start: (Item(name) for name in ordered[bisect.bisect_left(ordered, start) :])


def all_pages(names, query):
    """All pages: names, prefixes, and how long each page was."""
    items, prefixes, lengths = [], [], []
    token = ""
    while True:
        page = list_page(
            scan_of(names),
            ListQuery(**{**query, "page_token": token}),
        )
        items += [item.name for item in page.items]
        prefixes += page.prefixes
        lengths.append(len(page.items) + len(page.prefixes))
        token = page.next_page_token
        if not token:
            return items, prefixes, lengths


@given(
    st.lists(NAME, max_size=12),
    st.text(st.sampled_from("ab/"), max_size=3),
    st.sampled_from(["", "/", "a/"]),
    NAME | st.just(""),
    NAME | st.just(""),
    st.integers(1, 4),
    st.booleans(),
)
def test_all_pages_together_against_a_model(names, prefix, delimiter, start, end, size, trailing):
    wanted = {name for name in names if name.startswith(prefix) and name >= start and (not end or name < end)}
    folders = {}
    if delimiter:
        for name in wanted:
            cut = name.find(delimiter, len(prefix))
            if cut >= 0:
                folders[name] = name[: cut + len(delimiter)]
    plain = {name for name in wanted if name not in folders or (trailing and folders[name] == name)}
    items, prefixes, lengths = all_pages(
        names,
        {
            "prefix": prefix,
            "delimiter": delimiter,
            "start_offset": start,
            "end_offset": end,
            "max_results": size,
            "include_trailing_delimiter": trailing,
        },
    )
    assert items == sorted(plain, key=str.encode)
    assert prefixes == sorted(set(folders.values()), key=str.encode)
    assert all(length <= size + trailing for length in lengths)


@given(NAME, NAME)
def test_the_successor_of_a_prefix_follows_all_names_with_it(prefix, name):
    following = successor(prefix)
    if name.startswith(prefix):
        assert following is None or name < following
    elif name > prefix:
        assert following is not None
        assert name >= following


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
        ("a,b+c", ["a,b+c"], ["a", "ab+c"]),
    ],
)
def test_globs(pattern, matching, other):
    glob = glob_expression(pattern)
    assert [name for name in matching if not glob.fullmatch(name)] == []
    assert [name for name in other if glob.fullmatch(name)] == []


def test_a_glob_filters_before_paging():
    names = [f"{number:02}.{kind}" for number in range(20) for kind in ("csv", "txt")]
    items, _, lengths = all_pages(names, {"match_glob": "*.csv", "max_results": 7})
    assert len(items) == 20
    assert lengths == [7, 7, 6]


@pytest.mark.parametrize(
    "query", [{"page_token": "%"}, {"page_token": "/w=="}, {"match_glob": "{a"}, {"match_glob": "[]"}]
)
def test_bad_queries_are_refused(query):
    with pytest.raises(InvalidArgument):
        list_page(scan_of(["a"]), ListQuery(**query))
