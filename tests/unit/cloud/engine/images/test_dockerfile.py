import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.engine.images.dockerfile import HereDocument, read_dockerfile
from cloud.errors import InvalidArgument


def read(text):
    return [(one.line, one.name, one.value) for one in read_dockerfile(text).instructions]


def test_lines_that_go_on_with_comments_and_empty_lines_between():
    text = "# a comment\nFROM a\n\nrun apt-get update && \\\n# why\n\n  apt-get install \\  \n    curl\n  CMD x"
    assert read(text) == [(2, "FROM", "a"), (4, "RUN", "apt-get update &&   apt-get install     curl"), (9, "CMD", "x")]


def test_an_escape_of_its_own():
    text = "# syntax=docker/dockerfile:1\n# escape=`\nFROM a\nRUN b `\n c\\\n"
    assert read(text) == [(3, "FROM", "a"), (4, "RUN", "b  c\\")]
    assert read_dockerfile(text).escape == "`"


def test_a_directive_after_a_comment_is_a_comment():
    assert read_dockerfile("# hello\n# escape=`\nFROM a").escape == "\\"


def test_here_documents():
    text = 'FROM a\nRUN <<EOF\npip install x\nFROM y\nEOF\nCOPY <<-"A" <<B /x/\n\tone\n\tA\n\ttwo\nB\nCMD z'
    _, run, copy, cmd = read_dockerfile(text).instructions
    assert run.documents == (HereDocument("EOF", "pip install x\nFROM y\n", expands=True),)
    assert copy.documents == (HereDocument("A", "one\n", expands=False), HereDocument("B", "\ttwo\n", expands=True))
    assert (cmd.line, cmd.value) == (11, "z")


def test_flags_and_the_exec_form():
    copy, run, cmd = read_dockerfile(
        'COPY --from=builder --link ["a b", "/c"]\nRUN --mount=type=cache,target=/x --mount=type=bind,target=y pip\n'
        'CMD ["python", x]'
    ).instructions
    assert copy.flags == (("from", "builder"), ("link", "true"))
    assert copy.words == ("a b", "/c")
    assert [value for _, value in run.flags] == ["type=cache,target=/x", "type=bind,target=y"]
    assert (cmd.words, cmd.value) == (None, '["python", x]')
    assert str(copy) == 'COPY --from=builder --link=true ["a b", "/c"]'


@pytest.mark.parametrize("value", ['["a", 1]', '["\\ud800"]', '["a"', "['a']"])
def test_what_is_no_exec_form_is_a_line_for_a_shell(value):
    (cmd,) = read_dockerfile(f"CMD {value}").instructions
    assert (cmd.words, cmd.value) == (None, value)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "cannot be empty"),
        ("# only\n\n", "cannot be empty"),
        ("FROM a\nFOO b", "line 2: unknown instruction: FOO"),
        ("FROM a\nRUN", "line 2: RUN requires at least one argument"),
        ("FROM a\nRUN <<EOF\nx", "line 2: unterminated heredoc EOF"),
        ("# escape=x\nFROM a", "invalid ESCAPE"),
    ],
)
def test_no_dockerfile(text, why):
    with pytest.raises(InvalidArgument, match=why):
        read_dockerfile(text)


@given(st.text())
def test_any_text_is_read_or_refused(text):
    try:
        found = read_dockerfile(text).instructions
    except InvalidArgument:
        return
    assert found


@given(st.lists(st.sampled_from(["pip install x", "echo 'a' && \\\n  b", "# c", "", "cat <<E\nFROM z\nE"]), max_size=9))
def test_lines_are_those_of_the_file(parts):
    text = "FROM a\n" + "".join(f"RUN {part}\n" if part and part[0] != "#" else f"{part}\n" for part in parts)
    lines = text.split("\n")
    for one in read_dockerfile(text).instructions:
        assert lines[one.line - 1].startswith(one.name)
