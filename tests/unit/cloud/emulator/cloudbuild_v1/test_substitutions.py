import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.emulator.cloudbuild_v1.substitutions import Substitutions
from cloud.errors import InvalidArgument

BUILT_IN = {"PROJECT_ID": "my-project"}


def applied(arguments, given_values, **options):
    build = {"steps": [{"name": "docker", "args": arguments, "script": "$_A", "waitFor": ["-"]}]}
    return Substitutions(given_values, BUILT_IN, **options).apply(build)["steps"][0]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("gcr.io/$PROJECT_ID/${_A}:1", "gcr.io/my-project/x:1"),
        ("$_A$_A", "xx"),
        ("$${_A} $$_A $$", "${_A} $_A $"),
        ("$COMMIT_SHA|$_A", "|x"),
        ("$lower $1 $? $(date) ${lower} $_A", "$lower $1 $? $(date) ${lower} x"),
    ],
)
def test_texts(text, value):
    step = applied([text, "$_A"], {"_A": "x"})
    assert (step["args"], step["script"]) == ([value, "x"], "$_A")


@pytest.mark.parametrize(
    ("text", "values", "why"),
    [
        ("$_B", {}, 'key in the template "_B" is not matched in the substitution data'),
        ("", {"_A": "x"}, 'key "_A" in the substitution data is not matched in the template'),
        ("$HOME", {}, 'key in the template "HOME" is not a valid built-in substitution; of the shell it is \\$\\$HOME'),
        ("${_A:-x}", {"_A": ""}, "of bash's parameter expansions none is emulated"),
        ("", {"A": "x"}, "substitution key 'A' does not respect format"),
        ("", {"PROJECT_ID": "x"}, "substitution key 'PROJECT_ID' does not respect format"),
        ("", {"_A": "x" * 4001}, "has 4001 characters"),
        ("", {f"_{number}": "" for number in range(201)}, "at most 200"),
    ],
)
def test_what_is_wrong(text, values, why):
    with pytest.raises(InvalidArgument, match=why):
        applied([text], values)


def test_loosely_what_is_missing_is_empty_and_what_is_left_over_no_error():
    assert applied(["a$_B"], {"_A": "x"}, loose=True)["args"] == ["a"]


def test_values_with_substitutions():
    values = {"_A": "$PROJECT_ID/$_B", "_B": "b", "TAG_NAME": "v1"}
    assert applied(["$_A:$TAG_NAME"], values, dynamic=True)["args"] == ["my-project/b:v1"]
    assert applied(["$_A$_B"], {"_A": "$_B", "_B": "b"})["args"] == ["$_Bb"]
    with pytest.raises(InvalidArgument, match="the value of _A refers to itself"):
        applied(["$_A"], {"_A": "$_B", "_B": "$_A"}, dynamic=True)


def test_where_they_are_replaced():
    build = {
        "images": ["$_A"],
        "tags": ["$_A"],
        "logsBucket": "gs://$_A",
        "source": {"storageSource": {"object": "$_A"}},
        "options": {"env": ["A=$_A"], "machineType": "$_A"},
    }
    done = Substitutions({"_A": "x"}, {}).apply(build)
    assert done == {
        "images": ["x"],
        "tags": ["x"],
        "logsBucket": "gs://x",
        "source": {"storageSource": {"object": "$_A"}},
        "options": {"env": ["A=x"], "machineType": "$_A"},
    }


@given(st.text())
def test_what_is_escaped_stays(text):
    assert Substitutions({}, {}).text(text.replace("$", "$$")) == text
