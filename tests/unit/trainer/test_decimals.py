import math
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from trainer.decimals import Fields

digits = st.text("0123456789", max_size=18)
decimals = st.builds("{}{}{}{}".format, st.sampled_from(["", "-"]), digits, st.sampled_from(["", "."]), digits)
coordinates = st.floats(-180, 180).map(repr)
other = st.text(st.characters(codec="utf-8", exclude_characters=",\n"), max_size=10)
nearly = st.text("0123456789.-+eE _\x00\u0661", max_size=20)


def read(rows: list[list[str]], columns: int) -> tuple[list[float], list[bool]]:
    text = "".join(",".join(row) + "\n" for row in rows)
    values, plain = Fields(text.encode(), len(rows[0]), columns).numbers()
    return values.tolist(), plain.tolist()


def is_plain(field: str) -> bool:
    """By the definition in the module's docstring."""
    whole, _, fraction = field.removeprefix("-").partition(".")
    return bool(re.fullmatch("[0-9]{0,7}", whole) and re.fullmatch("[0-9]*", fraction)) and (
        1 <= len(whole) + len(fraction) <= 15
    )


@given(st.lists(st.tuples(decimals | coordinates | nearly, coordinates | other, other).map(list), min_size=1))
@example([["9999999.99999999", "-9999999.99999999", ""]])
@example([["-0", "-0.0", "1"]])
@example([[".5", "5.", "."], ["-.5", "-", "-."]])
@example([["1.2.3", "1-2", "--5"], [".-5", "-.-5", "5-"]])
def test_plain_numbers_are_read_as_float_reads_them(rows: list[list[str]]) -> None:
    values, plain = read(rows, 2)
    fields = [field for row in rows for field in row[:2]]
    assert plain == list(map(is_plain, fields))
    for value, field in zip(values, fields, strict=True):
        if is_plain(field):
            assert (value, math.copysign(1, value)) == (float(field), math.copysign(1, float(field)))


@given(st.integers(0, 10**15 - 1), st.integers(8, 15))
def test_every_number_of_fifteen_digits_is_rounded_once(mantissa: int, places: int) -> None:
    padded = f"{mantissa:015}"
    field = f"{padded[: 15 - places]}.{padded[15 - places :]}"
    values, plain = read([[field]], 1)
    assert plain == [True]
    assert values == [mantissa / 10**places] == [float(field)]  # Python divides integers with one rounding


def test_fields_are_found_in_the_columns_read() -> None:
    fields = Fields(b"1.5,,key.1\n-2,x,\n", 3, 2)
    assert [fields.text[start:stop] for start, stop in zip(fields.start, fields.stop, strict=True)] == [
        b"1.5",
        b"",
        b"-2",
        b"x",
    ]


@pytest.mark.parametrize("text", [b"1,2\n", b"1,2,3,4\n", b"1,2,3\n\n", b"1,2\n3,4,5,6\n", b"\n1,2,3\n"])
def test_lines_with_other_columns_are_refused(text: bytes) -> None:
    with pytest.raises(ValueError, match="a line without 3 columns"):
        Fields(text, 3, 2)
