import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.wire.protobuf import fields, messages, read_varint, signed, text, varint_field

NUMBERS = st.integers(min_value=-(2**63), max_value=2**63 - 1)


@given(NUMBERS, st.integers(min_value=1, max_value=2**29 - 1))
def test_a_number_is_read_as_it_was_written(value, number):
    ((found, read),) = fields(varint_field(number, value))
    assert (found, signed(read)) == (number, value)


def test_each_kind_of_field_in_its_order():
    message = b"\x08\x96\x01" + b"\x12\x03abc" + b"\x19" + b"8bytes.." + b"\x25" + b"four" + b"\x12\x01d"
    values = [(number, value if isinstance(value, int) else bytes(value)) for number, value in fields(message)]
    assert values == [(1, 150), (2, b"abc"), (3, b"8bytes.."), (4, b"four"), (2, b"d")]
    assert [bytes(value) for value in messages(message, 2)] == [b"abc", b"d"]
    assert (text(message, 2), text(message, 7)) == ("abc", "")


@pytest.mark.parametrize(
    "message", [b"\x08", b"\x08\x80", b"\x12\x05abc", b"\x19four", b"\x0b", b"\x08" + b"\x80" * 10 + b"\x01"]
)
def test_a_damaged_message_is_an_error(message):
    with pytest.raises(ValueError, match=r"wire type|cut short|no end"):
        list(fields(message))


@given(st.binary(max_size=60))
def test_any_bytes_end_in_fields_or_an_error(message):
    found = []
    with contextlib.suppress(ValueError):
        found += fields(message)
    assert all(number >= 0 for number, _ in found)


def test_a_varint_in_the_middle():
    assert read_varint(b"xx\x96\x01yy", 2) == (150, 4)
