"""Decompressive transcoding."""

import gzip
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.emulator.storage_v1.transcoding import gunzipped, is_wanted
from cloud.engine.storage.records import Attributes
from cloud.errors import InvalidArgument


async def in_blocks(data, size):
    for start in range(0, len(data), size):
        yield data[start : start + size]


@given(parts=st.lists(st.binary(max_size=300), min_size=1, max_size=3), size=st.integers(1, 100))
async def test_compressed_data_is_restored(parts, size):
    compressed = b"".join(map(gzip.compress, parts))
    assert b"".join([block async for block in gunzipped(in_blocks(compressed, size))]) == b"".join(parts)


async def test_large_data_is_streamed():
    compressed = gzip.compress(bytes(50_000_000), 1)
    tracemalloc.start()
    try:
        sizes = [len(block) async for block in gunzipped(in_blocks(compressed, len(compressed)))]
        assert sum(sizes) == 50_000_000
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "data",
    [gzip.compress(b"x" * 1000)[:-9], gzip.compress(b"x")[:4] + b"nonsense", b"plain"],
    ids=["truncated", "garbled", "plain"],
)
async def test_invalid_gzip_is_refused(data):
    with pytest.raises(InvalidArgument, match="gzip"):
        async for _ in gunzipped(in_blocks(data, 100)):
            pass


@pytest.mark.parametrize(
    ("attributes", "accepted", "wanted"),
    [
        (Attributes(content_encoding="gzip"), None, True),
        (Attributes(content_encoding="gzip"), "identity", True),
        (Attributes(content_encoding="gzip"), "deflate, gzip", False),
        (Attributes(content_encoding="gzip", cache_control="public, no-transform"), None, False),
        (Attributes(content_encoding="br"), None, False),
        (Attributes(), None, False),
    ],
)
def test_when_objects_are_decompressed(attributes, accepted, wanted):
    assert is_wanted({} if accepted is None else {"Accept-Encoding": accepted}, attributes) is wanted
