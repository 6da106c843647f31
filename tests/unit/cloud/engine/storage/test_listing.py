import bisect
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.engine.storage.listing import ListQuery, list_page, successor
from cloud.errors import InvalidArgument

NAME = st.text(st.sampled_from("ab/Z\ud7ff\ue000\uffff\U0010ffff"), min_size=1, max_size=6)


@dataclass(frozen=True)
class Item:
    name: str

    @property
    def position(self):
        return self.name


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
    ("query", "found"),
    [
        ({"match_glob": "b/*"}, ["b/1", "b/2"]),
        ({"match_glob": "b/2"}, ["b/2"]),
        ({"match_glob": "b/*", "prefix": "b"}, ["b/1", "b/2"]),
        ({"match_glob": "b*/2", "prefix": "b/"}, ["b/2"]),
        ({"match_glob": "b/*", "prefix": "c"}, []),
        ({"match_glob": "c*", "prefix": "b/"}, []),
    ],
)
def test_only_names_that_begin_as_the_pattern_does_are_read(query, found):
    names, read = ["a", "b/1", "b/2", "c"], []

    def scan(start):
        for name in names:
            if name >= start:
                read.append(name)
                yield Item(name)

    page = list_page(scan, ListQuery(**query))
    assert [item.name for item in page.items] == found
    assert "a" not in read


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


def test_a_list_begins_at_its_offset_whatever_that_holds():
    positions = [Item("a"), Item("b")]
    assert list_page(lambda _: iter(positions), ListQuery(start_offset="a\nx")).items == [Item("b")]


@dataclass(frozen=True)
class Version:
    name: str
    generation: int

    @property
    def position(self):
        return f"{self.name}\n{self.generation:03}"


FEW = st.sampled_from(["/", "a", "a/", "a/b", "a/b/", "ab", "b/"])


@given(st.lists(FEW, max_size=14), st.sampled_from(["", "a", "a/"]), st.sampled_from(["", "/"]), st.integers(1, 4))
def test_all_pages_of_versions_together_against_a_model(names, prefix, delimiter, size):
    versions = sorted((Version(name, number) for number, name in enumerate(names)), key=lambda item: item.position)
    positions = [version.position for version in versions]
    items, prefixes, token = [], [], ""
    while True:
        query = ListQuery(
            prefix, delimiter, max_results=size, page_token=token, include_trailing_delimiter=True, has_versions=True
        )
        page = list_page(lambda start: iter(versions[bisect.bisect_left(positions, start) :]), query)
        items, prefixes = items + page.items, prefixes + page.prefixes
        if not (token := page.next_page_token):
            break
    wanted, folders = [], set()
    for version in versions:
        if version.name.startswith(prefix):
            cut = version.name.find("/", len(prefix)) if delimiter else -1
            folders |= {version.name[: cut + 1]} if cut >= 0 else set()
            if cut in (-1, len(version.name) - 1):
                wanted.append(version)
    assert items == wanted
    assert prefixes == sorted(folders, key=str.encode)
