import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.engine.images.variables import expand, expand_document, split_words
from cloud.errors import InvalidArgument

VARIABLES = {"A": "one", "EMPTY": "", "P": "a/b/c.tar.gz"}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("$A", "one"),
        ("x${A}y", "xoney"),
        ("$NONE", ""),
        (r"\$A", "$A"),
        ("'$A'", "$A"),
        ('"$A b"', "one b"),
        (r'"a\"b\c"', r'a"b\c'),
        ("${A:-two}", "one"),
        ("${EMPTY:-two}", "two"),
        ("${EMPTY-two}", ""),
        ("${NONE:-${A}}", "one"),
        ("${A:+set}", "set"),
        ("${EMPTY:+set}", ""),
        ("${EMPTY+set}", "set"),
        ("${P#*/}", "b/c.tar.gz"),
        ("${P##*/}", "c.tar.gz"),
        ("${P%.*}", "a/b/c.tar"),
        ("${P%%.*}", "a/b/c"),
        ("${P/b/x}", "a/x/c.tar.gz"),
        ("${P//[abc]/x}", "x/x/x.txr.gz"),
        ("$", "$"),
        ("a$ b", "a$ b"),
        ("${NONE:-a b}", "a b"),
    ],
)
def test_variables(text, value):
    assert expand(text, VARIABLES) == value


@pytest.mark.parametrize("text", ["'", '"a', "${A", "${A b}", "${NONE:?say it}"])
def test_no_word(text):
    with pytest.raises(InvalidArgument):
        expand(text, VARIABLES)


def test_another_escape():
    assert expand("`$A\\", VARIABLES, "`") == "$A\\"


def test_a_here_document_keeps_its_quotes():
    assert expand_document('it\'s "$A" \\$A\n', VARIABLES) == 'it\'s "one" $A\n'


def test_words_keep_their_quotes():
    assert split_words('A=\'b c\' D=\\ e  F="g\\" h"') == ["A='b c'", "D=\\ e", 'F="g\\" h"']


@given(st.text())
def test_quoted_text_is_itself(text):
    quoted = "'" + text.replace("'", "'\"'\"'") + "'"
    assert expand(quoted, VARIABLES) == text
    assert split_words(f"a {quoted} b") == ["a", quoted, "b"]
