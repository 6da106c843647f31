import pytest

from cloud.stand_ins.urls import Url, literal_prefix, parse, pattern_of


@pytest.mark.parametrize(
    ("wildcard", "name", "matches"),
    [
        ("data/*.csv", "data/a.csv", True),
        ("data/*.csv", "data/inner/a.csv", False),
        ("data/**", "data/inner/a.csv", True),
        ("**/a.csv", "data/inner/a.csv", True),
        ("**.csv", "a.csv", True),
        ("data/?.csv", "data/ab.csv", False),
        ("data/[ab].csv", "data/b.csv", True),
        ("data/[!ab].csv", "data/b.csv", False),
        ("a+b(1).*", "a+b(1).csv", True),
    ],
)
def test_wildcards(wildcard: str, name: str, matches: bool) -> None:
    assert (pattern_of(wildcard).fullmatch(name) is not None) is matches


def test_urls() -> None:
    assert parse("gs://bucket/a/b") == Url("bucket", "a/b")
    assert str(parse("gs://bucket")) == str(parse("gs://bucket/")) == "gs://bucket"
    assert parse("gs://bucket/a*").has_wildcard
    assert literal_prefix("a/b*/c") == "a/b"
