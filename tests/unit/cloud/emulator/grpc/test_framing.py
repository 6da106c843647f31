import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.emulator.grpc.framing import MAX_MESSAGE, UnsupportedError, frame, timeout, unframe

COMPRESS = {"gzip": gzip.compress, "deflate": zlib.compress}


@given(st.binary(max_size=300))
def test_a_message_is_read_as_it_was_written(message):
    assert unframe(frame(message), "identity") == message
    for encoding, compress in COMPRESS.items():
        packed = compress(message)
        assert unframe(b"\1" + len(packed).to_bytes(4) + packed, encoding) == message


@given(st.binary(max_size=40), st.sampled_from(["identity", "gzip", "deflate", "br"]))
def test_any_other_bytes_are_refused_in_words(data, encoding):
    is_whole = len(data) >= 5 and len(data) == 5 + int.from_bytes(data[1:5])
    if not is_whole:
        with pytest.raises(ValueError, match="one whole message"):
            unframe(data, encoding)
    elif data[0] and encoding not in COMPRESS:
        with pytest.raises(UnsupportedError, match=encoding):
            unframe(data, encoding)


def test_a_small_message_that_becomes_large_is_refused():
    packed = gzip.compress(bytes(MAX_MESSAGE + 1))
    with pytest.raises(ValueError, match="at most"):
        unframe(b"\1" + len(packed).to_bytes(4) + packed, "gzip")


@pytest.mark.parametrize(
    ("value", "seconds"), [(None, None), ("5S", 5.0), ("100m", 0.1), ("2H", 7200.0), ("99999999n", 0.099999999)]
)
def test_deadlines(value, seconds):
    assert timeout(value) == pytest.approx(seconds)


@pytest.mark.parametrize("value", ["", "5", "S", "-1S", "123456789S", "1.5S", "5s"])
def test_a_deadline_of_no_form_is_refused(value):
    with pytest.raises(ValueError, match="grpc-timeout"):
        timeout(value)
