import itertools
from dataclasses import dataclass

import pytest

from cloud.engine.storage.multipart_listing import UploadQuery, list_uploads


@dataclass(frozen=True)
class Begun:
    name: str
    id: str


NAMES = ("a", "b", "b/", "b/1", "b/1", "b/2/3", "b0", "c/x", "z", "ü/x", "ü/y")
ALL = [Begun(name, f"{number:02}") for number, name in enumerate(NAMES)]


def scan(name, upload_id):
    return iter([each for each in ALL if (each.name, each.id) > (name, upload_id)])


def paged(limit, **query):
    """All pages; each may have ``limit`` entries."""
    names, prefixes, after = [], [], ("", "")
    for _ in itertools.repeat(None, 50):
        page = list_uploads(scan, UploadQuery(after_name=after[0], after_id=after[1], limit=limit, **query))
        assert len(page.uploads) + len(page.prefixes) <= limit
        names += page.uploads
        prefixes += page.prefixes
        if page.is_last:
            return names, prefixes
        after = page.next_name, page.next_id
    raise AssertionError


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
@pytest.mark.parametrize(
    ("query", "names", "prefixes"),
    [
        ({}, NAMES, []),
        ({"prefix": "b"}, ("b", "b/", "b/1", "b/1", "b/2/3", "b0"), []),
        ({"prefix": "b/1"}, ("b/1", "b/1"), []),
        ({"prefix": "nothing"}, (), []),
        ({"delimiter": "/"}, ("a", "b", "b0", "z"), ["b/", "c/", "ü/"]),
        ({"delimiter": "/", "prefix": "b/"}, ("b/", "b/1", "b/1"), ["b/2/"]),
        ({"delimiter": "/x"}, ("a", "b", "b/", "b/1", "b/1", "b/2/3", "b0", "z", "ü/y"), ["c/x", "ü/x"]),
    ],
)
def test_pages(limit, query, names, prefixes):
    found, folders = paged(limit, **query)
    assert tuple(each.name for each in found) == names
    assert len(set(found)) == len(found)
    assert folders == prefixes


def test_a_name_alone_is_listed_after():
    page = list_uploads(scan, UploadQuery(after_name="b/1"))
    assert page.uploads[0].name == "b/2/3"
    page = list_uploads(scan, UploadQuery(after_name="b/1", after_id="03"))
    assert (page.uploads[0].name, page.uploads[0].id) == ("b/1", "04")
    assert list_uploads(scan, UploadQuery(after_name="c", prefix="b")).uploads == []
    assert [each.name for each in list_uploads(scan, UploadQuery(after_name="a", prefix="z")).uploads] == ["z"]
