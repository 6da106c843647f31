"""Names: what Google accepts is accepted, what it refuses is refused with the field, and parsing round-trips."""

import fnmatch
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.errors import InvalidArgument
from cloud.names import GsUri, check_bucket, check_id, check_module, check_object, check_project

BUCKETS = st.from_regex(r"[a-z0-9][a-z0-9-]{1,40}[a-z0-9]", fullmatch=True).filter(
    lambda name: not name.startswith("goog") and "google" not in name and "g00gle" not in name
)
PATHS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n"), max_size=60)


@given(st.from_regex(r"[A-Za-z][A-Za-z0-9_]{0,127}", fullmatch=True))
def test_legal_ids_are_returned_unchanged(name: str) -> None:
    assert check_id(name, "job.job_id") == name


@pytest.mark.parametrize("name", ["", "1a", "_a", "a-b", "a b", "é", "a" * 129, "a\n"])
def test_illegal_ids_name_field_value_and_rule(name: str) -> None:
    with pytest.raises(InvalidArgument, match="A name should start with a letter") as caught:
        check_id(name, "job.job_id")
    assert caught.value.field == "job.job_id"
    assert repr(name[:200]) in str(caught.value)


@given(BUCKETS)
def test_legal_buckets(name: str) -> None:
    assert check_bucket(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "ab",
        "A-bucket",
        "-ab",
        "ab-",
        "a..b",
        "a" * 64,
        "10.0.0.1",
        "goog-x",
        "my-google-x",
        "a/b",
        "a b",
        "é-bucket",
        "abc\n",
    ],
)
def test_illegal_buckets(name: str) -> None:
    with pytest.raises(InvalidArgument, match="Invalid bucket name"):
        check_bucket(name)


def test_a_dotted_bucket_may_be_long_but_not_its_parts() -> None:
    assert check_bucket(".".join(["a" * 60] * 3))
    with pytest.raises(InvalidArgument):
        check_bucket("a" * 64 + ".example.com")


@pytest.mark.parametrize("name", ["abcdef", "my-project-1", "a" * 30])
def test_legal_projects(name: str) -> None:
    assert check_project(name) == name


@pytest.mark.parametrize("name", ["abcde", "1project", "project-", "Project", "a" * 31, ""])
def test_illegal_projects(name: str) -> None:
    with pytest.raises(InvalidArgument, match="project id"):
        check_project(name)


@pytest.mark.parametrize("name", ["", "trainer.", ".task", "trainer/task", "trainer-task", "1a", "a..b"])
def test_illegal_modules(name: str) -> None:
    with pytest.raises(InvalidArgument, match=r"trainer\.task"):
        check_module(name)


@given(BUCKETS, PATHS)
def test_uris_round_trip(bucket: str, path: str) -> None:
    uri = GsUri(bucket, path)
    assert GsUri.parse(str(uri)) == uri


@pytest.mark.parametrize("text", ["", "bucket", "s3://bucket/a", "gs:/bucket", "gs://", "gs://B/x", "GS://bucket/x"])
def test_anything_but_a_uri_is_refused(text: str) -> None:
    with pytest.raises(InvalidArgument):
        GsUri.parse(text)


@given(BUCKETS, PATHS, st.text(string.ascii_lowercase, min_size=1, max_size=8))
def test_joining_makes_a_child_of_the_folder(bucket: str, path: str, part: str) -> None:
    folder = GsUri(bucket, path)
    child = folder / part
    assert child.name == part
    if not folder.has_wildcard() and path == path.rstrip("/"):
        assert folder.matches(child.path)


@given(st.text("ab/", max_size=10), st.text("ab/*?", max_size=10))
def test_patterns_without_folders_match_as_the_shell_does(name: str, pattern: str) -> None:
    uri = GsUri("bucket", pattern)
    if uri.has_wildcard() and "/" not in name + pattern and "**" not in pattern:
        assert uri.matches(name) == fnmatch.fnmatchcase(name, pattern)


def test_wildcards_stop_at_folders_unless_doubled() -> None:
    assert GsUri.parse("gs://bucket/in/taxi-train*").matches("in/taxi-train.csv")
    assert not GsUri.parse("gs://bucket/in/*").matches("in/deep/taxi.csv")
    assert GsUri.parse("gs://bucket/in/**").matches("in/deep/taxi.csv")
    assert GsUri.parse("gs://bucket/in/part-[0-3].csv").matches("in/part-2.csv")
    assert not GsUri.parse("gs://bucket/in/part-[!0-3].csv").matches("in/part-2.csv")


def test_a_folder_is_not_a_prefix() -> None:
    folder = GsUri.parse("gs://bucket/out")
    assert folder.matches("out/model")
    assert folder.matches("out")
    assert not folder.matches("output")


@given(st.text(min_size=1, max_size=1100))
def test_object_names_follow_the_rules_of_storage(name: str) -> None:
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        size = 0
    legal = 1 <= size <= 1024 and not set(name) & {"\r", "\n"} and name not in (".", "..")
    if legal and not name.startswith(".well-known/acme-challenge/"):
        assert check_object(name) == name
    else:
        with pytest.raises(InvalidArgument):
            check_object(name)


@pytest.mark.parametrize("bucket", ["My_Bucket", "ab", "google", "1.2.3.4", ""])
def test_a_uri_checks_its_bucket_at_construction(bucket: str) -> None:
    with pytest.raises(InvalidArgument, match="Invalid bucket name"):
        GsUri(bucket, "p.tar.gz")
