from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.emulator.storage_v1.multipart import MultipartReader, boundary_of
from cloud.errors import InvalidArgument


async def blocks(body, cuts):
    positions = sorted({0, len(body), *(cut % (len(body) + 1) for cut in cuts)})
    for start, stop in pairwise(positions):
        yield body[start:stop]


def a_body(media, boundary=b"xyz", head=b'{"name": "a"}', newline=b"\r\n"):
    lines = [
        b"--" + boundary,
        b"Content-Type: application/json",
        b"",
        head,
        b"--" + boundary,
        b"Content-Type: text/csv",
        b"X-Other: 1",
        b"",
        media,
        b"--" + boundary + b"--",
        b"",
    ]
    return newline.join(lines)


@given(
    st.binary() | st.lists(st.sampled_from([b"\r\n--", b"xy", b"xyz", b"-", b"\r", b"\n"])).map(b"".join),
    st.lists(st.integers(0, 500)),
    st.sampled_from([b"\r\n", b"\n"]),
)
async def test_parts_are_found_however_the_body_is_split(media, cuts, newline):
    if newline + b"--xyz" in newline + media:
        return
    reader = MultipartReader(blocks(a_body(media, newline=newline), cuts), b"xyz")
    assert await reader.head() == b'{"name": "a"}'
    assert reader.media_type == "text/csv"
    assert b"".join([block async for block in reader.media()]) == media


@pytest.mark.parametrize("missing", [1, 8, 30, 60, 100])
async def test_a_truncated_body_is_refused(missing):
    reader = MultipartReader(blocks(a_body(b"0123456789")[: -missing - 4], []), b"xyz")
    with pytest.raises(InvalidArgument, match="Missing end boundary"):
        [await reader.head(), [block async for block in reader.media()]]


async def test_an_endless_head_is_refused():
    async def forever():
        while True:
            yield b"x" * 65536

    with pytest.raises(InvalidArgument, match="longer than"):
        await MultipartReader(forever(), b"xyz").head()


@pytest.mark.parametrize(
    "content_type",
    ["multipart/related; boundary=ab=c", 'multipart/related; boundary="ab=c"', "multipart/related; boundary='ab=c'"],
)
def test_boundaries(content_type):
    assert boundary_of(content_type) == b"ab=c"


@pytest.mark.parametrize("content_type", ["", "text/plain; boundary=a", "multipart/related"])
def test_no_boundary(content_type):
    with pytest.raises(InvalidArgument, match="boundary"):
        boundary_of(content_type)
