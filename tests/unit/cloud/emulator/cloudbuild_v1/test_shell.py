import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.emulator.cloudbuild_v1.shell import Entry, parse
from cloud.errors import InvalidArgument


@pytest.mark.parametrize(
    ("script", "entries"),
    [
        ("docker pull a || exit 0", [(";", "docker pull a"), ("||", "exit 0")]),
        (
            "docker build . && \\\n docker push a; true\n\n# end",
            [(";", "docker build ."), ("&&", "docker push a"), (";", "true")],
        ),
        ("docker push gcr.io/$PROJECT/${NAME}$NONE", [(";", "docker push gcr.io/p/two words")]),
        ("", []),
    ],
)
def test_scripts(script, entries):
    found = parse(script, {"PROJECT": "p", "NAME": "two words"})
    assert [(entry.operator, " ".join(entry.words)) for entry in found] == entries


@pytest.mark.parametrize(
    "script",
    ["a | b", "a > b", "! a", "(a)", "echo $(date)", "echo `date`", "if a; then b; fi", "a &&", "'a", "a && || b"],
)
def test_what_is_not_read(script):
    with pytest.raises(InvalidArgument):
        parse(script, {})


@given(st.lists(st.text(st.characters(exclude_characters="\r\0", codec="utf-8"), max_size=6), min_size=1, max_size=4))
def test_quoted_words_are_what_they_were(words):
    assert parse(f"echo {shlex.join(words)}", {}) == [Entry(";", ("echo", *words))]
