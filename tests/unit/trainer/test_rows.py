import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer import rows
from trainer.rows import COLUMNS, MISSING, NUMBERS, parse_block

GOOD = b"12.0,-73.987625,40.750617,-73.971163,40.78518,1,0\n"
VALUES = [12.0, -73.987625, 40.750617, -73.971163, 40.78518, 1.0]

fields = st.one_of(
    st.floats(width=32).map(repr),
    st.floats().map(repr),
    st.integers().map(str),
    st.sampled_from(
        [
            "",
            " ",
            "fare_amount",
            "1e400",
            "-1e39",
            "nan",
            "inf",
            "1_000",
            '"5.5"',
            '""',
            '"',
            "0x10",
            "\u0661",
            "+1.5",
            " 2 ",
        ]
    ),
    st.text(max_size=5),
)
lines = st.one_of(
    st.lists(fields, min_size=7, max_size=7).map(",".join),
    st.lists(fields, max_size=9).map(",".join),
    st.text(max_size=40),
)


def test_a_row_of_the_lab_becomes_six_numbers() -> None:
    block = parse_block(GOOD)
    np.testing.assert_array_equal(block.values, np.array([VALUES], np.float32))
    assert (block.lines, block.bad, block.first_bad) == (1, 0, None)


@pytest.mark.parametrize(
    "text",
    [
        GOOD.rstrip(b"\n"),
        GOOD.replace(b"\n", b"\r\n"),
        GOOD.rstrip(b"\n") + b"\r",
        b"\xef\xbb\xbf" + GOOD,
        b'"12.0","-73.987625",40.750617,-73.971163,40.78518,"1","a key"\n',
        b'12.0,-73.987625,40.750617,-73.971163,40.78518,1,"key, with a comma"\n',
        b"12.0, -73.987625 ,40.750617,-73.971163,40.78518,1,\xff\xfe\n",
    ],
    ids=["no final newline", "Windows", "lone final CR", "byte order mark", "quoted", "quoted comma", "not UTF-8"],
)
def test_spellings_of_the_same_row(text: bytes) -> None:
    block = parse_block(text)
    np.testing.assert_array_equal(block.values, np.array([VALUES], np.float32))
    assert block.bad == 0


def test_missing_fields_take_the_labs_defaults() -> None:
    np.testing.assert_array_equal(
        parse_block(b",,,,,,\n").values, np.array([[MISSING[name] for name in NUMBERS]], np.float32)
    )


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (",".join(COLUMNS), "fare_amount is not a number: 'fare_amount'"),
        ("12.0,-73.9,forty,-73.9,40.7,1,0", "pickuplat is not a number: 'forty'"),
        ("12.0,-73.9,40.7,-73.9,40.7,1", "6 columns instead of 7"),
        ("12.0,-73.9,40.7,-73.9,40.7,1,0,", "8 columns instead of 7"),
        ("nan,-73.9,40.7,-73.9,40.7,1,0", "fare_amount is not finite: 'nan'"),
        ("1e39,-73.9,40.7,-73.9,40.7,1,0", "fare_amount is not finite: '1e39'"),
        ("12.0,-73.9,40.7,-73.9,40.7,1_0,0", "passengers is not a number: '1_0'"),
    ],
)
def test_bad_rows_are_counted_and_the_first_is_kept(line: str, why: str) -> None:
    block = parse_block(GOOD + line.encode() + b"\n\n" + line.encode() + b"\n" + GOOD, first_line=100)
    assert len(block.values) == 2
    assert (block.lines, block.bad) == (5, 2)
    assert block.first_bad == rows.BadRow(101, why)


def test_empty_lines_are_not_rows() -> None:
    block = parse_block(b"\n\n" + GOOD + b"  \n")
    assert (len(block.values), block.lines, block.bad) == (1, 4, 0)
    assert parse_block(b"\n").bad == 0


@given(
    st.lists(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=6, max_size=6), max_size=20)
)
def test_what_is_written_is_read(numbers: list[list[float]]) -> None:
    text = "".join(",".join(map(repr, row)) + ",key\n" for row in numbers)
    block = parse_block(text.encode())
    np.testing.assert_array_equal(block.values, np.array(numbers, np.float32).reshape(-1, 6))


@given(st.lists(lines, max_size=6).map("\n".join))
def test_fast_parsing_agrees_with_parsing_by_row(text: str) -> None:
    encoded = text.encode("utf-8", "surrogatepass")
    whole = parse_block(encoded)
    one_bad_line_more = parse_block(encoded + b"\nforces parsing by row\n")
    np.testing.assert_array_equal(whole.values, one_bad_line_more.values)
    assert whole.bad == one_bad_line_more.bad - 1


@given(st.binary(max_size=200))
def test_anything_at_all_is_parsed_without_an_exception(text: bytes) -> None:
    block = parse_block(text)
    assert block.values.shape[1] == len(NUMBERS)
    assert np.isfinite(block.values).all()
    assert (block.bad > 0) == (block.first_bad is not None)
    assert len(block.values) + block.bad <= block.lines


def test_a_few_odd_rows_in_a_long_text_are_found_by_their_lines() -> None:
    count = 10_000
    lines = [b"%d,-73.987625,40.750617,-73.971163,40.78518,1,0\n" % number for number in range(count)]
    lines[4321] = b"forty,-73.987625,40.750617,-73.971163,40.78518,1,0\n"
    lines[5000] = b"\n"
    lines[6000] = b'"6e3",-73.98764000000001,40.750617,-73.971163,,1,0\n'
    block = parse_block(b"".join(lines), first_line=11)
    assert (block.lines, block.bad) == (count, 1)
    assert block.first_bad == rows.BadRow(4332, "fare_amount is not a number: 'forty'")
    expected = np.array([[number, *VALUES[1:]] for number in range(count)], np.float32)
    expected[6000, [1, 4]] = -73.98764000000001, MISSING["dropofflat"]
    np.testing.assert_array_equal(block.values, np.delete(expected, [4321, 5000], axis=0))
