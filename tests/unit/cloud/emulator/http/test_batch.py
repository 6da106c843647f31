import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.emulator.http.batch import MAX_PARTS, Part, read_parts
from cloud.errors import InvalidArgument

KIND = 'multipart/mixed; boundary="=b="'


def written(parts, newline="\n"):
    lines = []
    for part in parts:
        lines += ["--=b=", "Content-Type: application/http", f"Content-ID: {part.content_id}", ""]
        lines += [f"{part.verb} {part.url} HTTP/1.1", *(f"{name}: {value}" for name, value in part.headers.items()), ""]
        lines.append(part.body.decode("latin-1"))
    return newline.join([*lines, "--=b=--", ""]).encode("latin-1")


TOKENS = st.from_regex(r"[A-Za-z0-9._~-]{1,12}", fullmatch=True)
PARTS = st.builds(
    lambda number, verb, name, values, body: Part(
        f"<x + {number}>", verb, f"/storage/v1/b/{name}", {f"X-{key}": value for key, value in values.items()}, body
    ),
    st.integers(0, 9),
    st.sampled_from(["GET", "PATCH", "DELETE"]),
    TOKENS,
    st.dictionaries(TOKENS.map(str.lower), TOKENS, max_size=3),
    st.binary(max_size=50).filter(lambda body: not set(body) & set(b"\r\n") and not body.startswith(b"--=b=")),
)


@given(st.lists(PARTS, min_size=1, max_size=5), st.sampled_from(["\n", "\r\n"]))
def test_parts_are_read_as_they_were_written(parts, newline):
    found = read_parts(KIND, written(parts, newline))
    assert [(one.content_id, one.verb, one.url, dict(one.headers), one.body) for one in found] == [
        (one.content_id, one.verb, one.url, dict(one.headers), one.body) for one in parts
    ]


@given(st.binary(max_size=300))
def test_nothing_else_than_a_refusal_comes_of_nonsense(body):
    for text in (body, b"--=b=\n" + body + b"\n--=b=--\n"):
        with pytest.raises(InvalidArgument):
            read_parts(KIND, text)


def test_what_belongs_to_the_batch_is_not_the_parts():
    part = Part("", "GET", "/storage/v1/b", {"Host": "x", "Content-Length": "9", "X-A": "b"}, b"")
    assert dict(read_parts(KIND, written([part]))[0].headers) == {"X-A": "b"}
    with pytest.raises(InvalidArgument, match="more than 100"):
        read_parts(KIND, written([part] * (MAX_PARTS + 1)))
