"""Options of docker's commands."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.stand_ins.docker.flags import Option, UsageFailure, read

OPTIONS = (
    Option("tag", "t"),
    Option("file", "f"),
    Option("quiet", "q", takes_value=False),
    Option("rm", takes_value=False),
)
VALUES = st.text("ab=-/:. ", max_size=6)
WORDS = st.text("ab=/:. ", min_size=1, max_size=6) | st.just("-")


@st.composite
def given_lines(draw: st.DrawFn) -> tuple[list[str], dict[str, list[str]], list[str]]:
    """A command line, the values of its options, and its arguments."""
    line: list[str] = []
    values: dict[str, list[str]] = {}
    arguments: list[str] = []
    for kind in draw(st.lists(st.sampled_from(["long", "long=", "short", "glued", "argument", "switch", "letters"]))):
        match kind:
            case "argument":
                arguments.append(draw(WORDS))
                line.append(arguments[-1])
            case "switch":
                values.setdefault("rm", []).append("")
                line.append("--rm")
            case "letters":
                value = draw(VALUES)
                values.setdefault("quiet", []).append("")
                values.setdefault("tag", []).append(value)
                line += ["-qt", value]
            case _:
                value = draw(VALUES)
                if kind == "glued" and (not value or value.startswith("=")):
                    value = f"a{value}"
                values.setdefault("file", []).append(value)
                line += {
                    "long": ["--file", value],
                    "long=": [f"--file={value}"],
                    "short": ["-f", value],
                    "glued": [f"-f{value}"],
                }[kind]
    return line, values, arguments


@given(given_lines())
def test_options_are_found_wherever_they_stand(case: tuple[list[str], dict[str, list[str]], list[str]]) -> None:
    line, values, arguments = case
    found = read(OPTIONS, line)
    assert (found.values, found.arguments) == (values, arguments)


@pytest.mark.parametrize(
    ("words", "name", "expected"),
    [(["--rm"], "rm", True), (["--rm=false"], "rm", False), (["-q=true"], "quiet", True), ([], "rm", False)],
)
def test_switches_may_have_values(words: list[str], name: str, expected: bool) -> None:
    assert read(OPTIONS, words).is_set(name) is expected


def test_a_dockerfile_on_standard_input() -> None:
    found = read(OPTIONS, ["--rm", "-f-", "-t=x", "."])
    assert (found.last("file"), found.last("tag"), found.arguments) == ("-", "x", ["."])


def test_what_follows_the_image_is_the_programs() -> None:
    found = read(OPTIONS, ["--rm", "image", "--unknown", "-q"], until_argument=True)
    assert (found.arguments, found.is_set("quiet")) == (["image", "--unknown", "-q"], False)
    assert read(OPTIONS, ["--", "--unknown"]).arguments == ["--unknown"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--unknown"], "unknown flag: --unknown"),
        (["-x"], "unknown shorthand flag: 'x' in -x"),
        (["-qx"], "unknown shorthand flag: 'x' in -qx"),
        (["--tag"], "flag needs an argument: --tag"),
        (["-t"], "flag needs an argument: 't' in -t"),
    ],
)
def test_what_is_wrong_is_said(words: list[str], message: str) -> None:
    with pytest.raises(UsageFailure, match=message) as caught:
        read(OPTIONS, words)
    assert caught.value.status == 125
