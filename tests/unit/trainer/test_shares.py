from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.shares import Part


def read(part: Part, size: int) -> bytes:
    found = b""
    while text := part.read(size):
        assert len(text) <= size
        found += text
    return found


@given(
    st.lists(st.binary(max_size=12).map(lambda line: line.replace(b"\n", b"")), max_size=30),
    st.booleans(),
    st.integers(1, 7),
    st.integers(1, 9),
)
def test_each_line_is_in_one_part(lines: list[bytes], ends: bool, count: int, size: int) -> None:
    text = b"\n".join(lines) + (b"\n" if ends else b"")
    parts = [read(Part(BytesIO(text), index, count), size) for index in range(count)]
    assert b"".join(parts) == text
    assert all(part.endswith(b"\n") for part in parts[:-1] if part and not text.endswith(part))


@pytest.mark.parametrize("count", [1, 2, 5])
def test_parts_are_about_equal(count: int) -> None:
    text = b"a line\n" * 10_000
    sizes = [len(read(Part(BytesIO(text), index, count), 1 << 20)) for index in range(count)]
    assert max(sizes) - min(sizes) <= 7


def test_a_part_knows_how_many_lines_come_before_it() -> None:
    text = b"".join(b"%d\n" % number for number in range(1000))
    for index in range(3):
        part = Part(BytesIO(text), index, 3)
        assert part.lines_before() == text[: part.start].count(b"\n")
