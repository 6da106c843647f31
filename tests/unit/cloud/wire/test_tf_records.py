"""TFRecords are read as they were written; a damaged file is refused where it is damaged."""

from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.errors import InvalidArgument
from cloud.wire.tf_records import read_records, write_record


@given(st.lists(st.binary(max_size=50), max_size=5), st.integers(0, 20))
def test_records_round_trip_up_to_one_that_is_cut(records: list[bytes], cut: int) -> None:
    content = b"".join(map(write_record, records))
    assert list(read_records(BytesIO(content), most=50)) == records
    whole = content + write_record(b"x" * 20)[: cut + 10]
    assert list(read_records(BytesIO(whole), most=50)) == records


def test_a_known_record_is_written_as_tensorflow_writes_it() -> None:
    # tf.io.TFRecordWriter of TensorFlow 2.21, one record b"ab"
    assert write_record(b"ab").hex() == "020000000000000078270b3461621cb0f0f4"


@given(st.binary(min_size=1, max_size=30), st.integers(0, 10**6))
def test_a_changed_byte_is_found(record: bytes, place: int) -> None:
    content = bytearray(write_record(record))
    content[place % len(content)] ^= 0x40
    with pytest.raises(InvalidArgument, match=r"TFRecord|damaged|at most 50"):
        list(read_records(BytesIO(content), most=50))


def test_a_record_that_is_too_long_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="has 9 bytes: at most 8"):
        list(read_records(BytesIO(write_record(b"123456789")), most=8))
