from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.emulator.storage_v1.multipart import MultipartReader, boundary_of
from cloud.errors import InvalidArgument


async def pieces(body, cuts):
    positions = sorted({0, len(body), *(cut % (len(body) + 1) for cut in cuts)})
    for start, stop in pairwise(positions):
        yield body[start:stop]


def a_body(media, boundary=b"xyz", head=b'{"name": "a"}'):
    return b"".join(
        [
            b"--" + boundary + b"\r\nContent-Type: application/json\r\n\r\n" + head,
            b"\r\n--" + boundary + b"\r\nContent-Type: text/csv\r\nX-Other: 1\r\n\r\n" + media,
            b"\r\n--" + boundary + b"--\r\n",
        ]
    )


@given(
    st.binary() | st.lists(st.sampled_from([b"\r\n--", b"xy", b"xyz", b"-", b"\r", b"\n"])).map(b"".join),
    st.lists(st.integers(0, 500)),
)
async def test_parts_are_found_however_the_body_is_cut(media, cuts):
    if b"\r\n--xyz" in b"\r\n" + media:
        return
    reader = MultipartReader(pieces(a_body(media), cuts), b"xyz")
    assert await reader.head() == b'{"name": "a"}'
    assert reader.media_type == "text/csv"
    assert b"".join([block async for block in reader.media()]) == media


@pytest.mark.parametrize("missing", [1, 8, 30, 60, 100])
async def test_a_body_that_ends_early_is_refused(missing):
    reader = MultipartReader(pieces(a_body(b"0123456789")[: -missing - 4], []), b"xyz")
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
