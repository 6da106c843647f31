"""Parses blocks of CSV text to numbers: fast where all rows are good, row by row elsewhere.

A row is one physical line of seven columns, without a header, as in the lab this trainer comes from::

    12.0,-73.987625,40.750617,-73.971163,40.78518,1,0
    fare_amount,pickuplon,pickuplat,dropofflon,dropofflat,passengers,key
"""

import csv
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trainer.decimals import Fields

LABEL = "fare_amount"
INPUTS = ("pickuplon", "pickuplat", "dropofflon", "dropofflat", "passengers")
COLUMNS = (LABEL, *INPUTS, "key")
NUMBERS = COLUMNS[:-1]
"""The columns of every array of rows, in order."""

MISSING = {
    "fare_amount": 0.0,
    "pickuplon": -74.0,
    "pickuplat": 40.0,
    "dropofflon": -74.0,
    "dropofflat": 40.7,
    "passengers": 1.0,
}
"""The lab's defaults for empty fields. (An empty key is 'nokey' there; the key is not read here.)"""

_INFINITE = 2.0**128 - 2.0**103
"""The smallest number that is rounded to infinity as float32."""
_BOM = b"\xef\xbb\xbf"
_LARGE = 90_000
"""Bytes of text that is never parsed at once: the numbers would not fit the cache of a processor."""
_SMALL = 4096
"""Bytes of text that is parsed row by row if it cannot be parsed at once."""


@dataclass(frozen=True)
class BadRow:
    """A row that cannot be parsed: `number` counts the lines of its file from 1, `why` is a phrase."""

    number: int
    why: str


@dataclass(frozen=True)
class Block:
    """The rows of one block of text.

    `values` is float32 of shape [good rows, 6], columns NUMBERS, dollars and degrees, always finite.
    `lines` counts physical lines, to number those of the next block, `bad` the rows skipped; `first_bad` is the first
    of those. Empty lines are not rows.
    """

    values: NDArray[np.float32]
    lines: int
    bad: int = 0
    first_bad: BadRow | None = None


def parse_block(text: bytes, first_line: int = 1) -> Block:
    """Parse whole lines; the last newline may be missing. `first_line` is the number of the first line.

    Never raises because of the text: rows other than six finite numbers and a key are counted as bad.
    """
    text = text.removeprefix(_BOM)
    if b"\r" in text:
        text = text.replace(b"\r\n", b"\n")
    if not text.endswith(b"\n"):
        text += b"\n"
    return _parse(text, first_line)


def _parse(text: bytes, first_line: int) -> Block:
    """Fast where a part of the text allows it, so that a single bad row costs little."""
    values = _parse_fast(text) if len(text) < _LARGE else None
    if values is not None:
        return Block(values, lines=len(values))
    middle = text.find(b"\n", len(text) // 2) + 1
    if len(text) < _SMALL or not 0 < middle < len(text):
        return _parse_by_row(text, first_line)
    first = _parse(text[:middle], first_line)
    rest = _parse(text[middle:], first_line + first.lines)
    values = np.concatenate([first.values, rest.values])
    return Block(values, first.lines + rest.lines, first.bad + rest.bad, first.first_bad or rest.first_bad)


def _parse_fast(text: bytes) -> NDArray[np.float32] | None:
    """All rows at once, or None: a bad field, an empty line, a quote."""
    if b"\r" in text or b'"' in text:
        return None
    try:
        fields = Fields(text, len(COLUMNS), len(NUMBERS))
        values, plain = fields.numbers()
        others = np.flatnonzero(~plain)
        spans = zip(others.tolist(), fields.start[others].tolist(), fields.stop[others].tolist(), strict=True)
        for index, start, stop in spans:
            field = fields.text[start:stop].decode("utf-8", "replace")
            values[index] = _parse_number(NUMBERS[index % len(NUMBERS)], field.strip())
    except ValueError:
        return None
    return values.astype(np.float32).reshape(-1, len(NUMBERS))


def _parse_by_row(text: bytes, first_line: int) -> Block:
    lines = text.split(b"\n")[:-1]
    good: list[list[float]] = []
    bad = 0
    first_bad = None
    for number, line in enumerate(lines, first_line):
        if not line.strip():
            continue
        try:
            good.append(_parse_line(line.decode("utf-8", "replace")))
        except (ValueError, csv.Error) as error:
            bad += 1
            first_bad = first_bad or BadRow(number, str(error))
    return Block(np.array(good, np.float32).reshape(-1, len(NUMBERS)), len(lines), bad, first_bad)


def _parse_line(line: str) -> list[float]:
    (fields,) = csv.reader([line])
    if len(fields) != len(COLUMNS):
        raise ValueError(f"{len(fields)} columns instead of {len(COLUMNS)}")
    return [_parse_number(name, field.strip()) for name, field in zip(NUMBERS, fields, strict=False)]


def _parse_number(name: str, field: str) -> float:
    if not field:
        return MISSING[name]
    try:
        if "_" in field or not field.isascii():  # float() accepts 1_000 and digits of other scripts
            raise ValueError
        value = float(field)
    except ValueError:
        raise ValueError(f"{name} is not a number: {field[:40]!r}") from None
    if not abs(value) < _INFINITE:
        raise ValueError(f"{name} is not finite: {field[:40]!r}")
    return value
