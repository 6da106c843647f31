import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.emulator.storage_v1.ranges import ContentRange, parse_content_range, parse_range
from cloud.errors import InvalidArgument


@pytest.mark.parametrize(
    ("header", "size", "span"),
    [
        (None, 10, None),
        ("bytes=0-3", 10, range(4)),
        ("bytes=3-", 10, range(3, 10)),
        ("bytes=-3", 10, range(7, 10)),
        ("bytes=-30", 10, range(10)),
        ("bytes=5-100", 10, range(5, 10)),
        ("bytes=0-0", 1, range(1)),
        ("bytes=5-3", 10, None),
        ("bytes=0-1,3-4", 10, None),
        ("lines=0-1", 10, None),
        ("bytes=-", 10, None),
        (f"bytes=0-{'9' * 5000}", 10, None),
    ],
)
def test_ranges(header, size, span):
    assert parse_range(header, size) == span


@pytest.mark.parametrize(
    ("header", "size"), [("bytes=10-", 10), ("bytes=0-5", 0), ("bytes=-0", 10), ("bytes=11-12", 10)]
)
def test_ranges_past_the_end(header, size):
    span = parse_range(header, size)
    assert span is not None
    assert len(span) == 0


@given(st.binary(max_size=30), st.integers(0, 40), st.integers(0, 40))
def test_a_range_is_a_slice(content, first, last):
    span = parse_range(f"bytes={first}-{last}", len(content))
    assert span or span is None or first >= len(content)
    expected = content[first : last + 1] if last >= first else content
    assert (content if span is None else content[span.start : span.stop]) == expected


@pytest.mark.parametrize(
    ("header", "parsed"),
    [
        ("bytes 0-41/42", ContentRange(0, 42, 42)),
        ("bytes 42-42/*", ContentRange(42, 1, None)),
        ("bytes 0-*/*", ContentRange(0, None, None)),
        ("bytes */42", ContentRange(None, None, 42)),
        ("bytes */*", ContentRange(None, None, None)),
        ("bytes */0", ContentRange(None, None, 0)),
    ],
)
def test_content_ranges(header, parsed):
    assert parse_content_range(header) == parsed


@pytest.mark.parametrize(
    "header", ["", "0-1/2", "bytes 3-1/9", "bytes 0-9/5", "bytes a-b/c", "bytes 0-1", "bytes *-1/2"]
)
def test_invalid_content_ranges(header):
    with pytest.raises(InvalidArgument, match="Content-Range"):
        parse_content_range(header)
