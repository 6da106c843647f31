import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from cloud.engine.runtimes.source_files import IndexFile, newest, read_page

URL = "https://host/simple/promise/"
PAGE = """<!DOCTYPE html><html><body>
<a href="../../files/promise-2.3.tar.gz#sha256=ABC" data-requires-python="&gt;=3.6">promise-2.3.tar.gz</a>
<a href="//cdn/promise-2.2.zip" data-yanked="bad">x</a><a>none</a></body></html>"""


def test_html() -> None:
    assert read_page(PAGE, "text/html", URL) == [
        IndexFile("promise-2.3.tar.gz", "https://host/files/promise-2.3.tar.gz", {"sha256": "abc"}, ">=3.6"),
        IndexFile("promise-2.2.zip", "https://cdn/promise-2.2.zip", {}, is_yanked=True),
    ]


def test_json() -> None:
    file = {"filename": "promise-2.3.tar.gz", "url": "p.tar.gz", "hashes": {"sha256": "AB"}, "requires-python": None}

    assert read_page(json.dumps({"files": [file]}), "application/vnd.pypi.simple.v1+json", URL) == [
        IndexFile("promise-2.3.tar.gz", f"{URL}p.tar.gz", {"sha256": "ab"})
    ]


@pytest.mark.parametrize("text", ["", "[]", '{"files": 1}', "<html>"])
def test_what_is_no_page(text: str) -> None:
    with pytest.raises(ValueError, match=r"no list of files|Expecting value"):
        read_page(text, "application/json", URL)


@given(st.text() | st.from_regex(r"(<a href=\S*>|<base href=\S*>)*"))
def test_any_html_is_read_or_refused(text: str) -> None:
    with suppress(ValueError):  # an address that is none
        assert all(isinstance(file, IndexFile) for file in read_page(text, "text/html", URL))


def file(name: str, python: str = "", *, is_yanked: bool = False, scheme: str = "https") -> IndexFile:
    return IndexFile(name, f"{scheme}://host/{name}", {}, python, is_yanked)


FILES = [
    file("promise-2.1.tar.gz"),
    file("promise-2.2.tar.gz", is_yanked=True),
    file("promise-2.3.zip"),
    file("promise-2.3.tar.gz"),
    file("promise-3.0.tar.gz", ">=3.13"),
    file("promise-3.1rc1.tar.gz"),
    file("promise_more-9.tar.gz"),
    file("promise-8.tar.bz2"),
    file("promise-7.tar.gz", scheme="file"),
    file("../promise-6.tar.gz"),
    file("promise-2.1-py2-none-any.whl"),
    file("promise-2.3-cp36-cp36m-win_amd64.whl"),
    file("other-2.1-cp36-cp36m-win_amd64.whl"),
]


@pytest.mark.parametrize(
    ("allowed", "version", "is_compiled"),
    [
        ("", "2.3", True),
        ("<2.3", "2.1", False),
        ("==2.2", "2.2", False),
        (">2.3", "3.1rc1", False),
        ("==3.0", None, False),
        (">5", None, False),
    ],
)
def test_newest(allowed: str, version: str | None, is_compiled: bool) -> None:
    found = newest(FILES, "Promise", SpecifierSet(allowed), "3.11.7")

    assert (found and str(found.version)) == version
    assert found is None or (found.is_compiled, found.version) == (is_compiled, Version(str(version)))
    assert found is None or found.file.name == f"promise-{version}.{'zip' if version == '2.3' else 'tar.gz'}"
