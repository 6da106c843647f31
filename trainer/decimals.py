"""Reads all decimal numbers of a table in CSV at once: NumPy works on all rows in each step, and holds no lock then.

Only plain numbers: at most seven digits before the point, at most fifteen in all, perhaps a minus. The others are
marked, for the caller to read.
"""

import numpy as np
from numpy.typing import NDArray

_Integers = NDArray[np.int64]

_POWERS = 10 ** np.arange(16, dtype=np.int64)
_EXACT = _POWERS.astype(np.float64)
_WORD = 8
_PADDING = bytes(2 * _WORD)  # words are read from the last separator on, and from eight bytes further


class Fields:
    """The fields of the first columns of a text, row by row: arrays of positions in `text`.

    A field is `text[start:stop]`, `dot` the position of its point, or `stop`; `marks` counts the characters other than
    digits, and its separator.
    """

    def __init__(self, text: bytes, columns: int, read: int) -> None:
        """Split whole lines of so many columns, of which the first few are read. Raises ValueError for other lines."""
        self.text = text = b"\n" + text + _PADDING
        characters = np.frombuffer(text, np.uint8)[: -len(_PADDING)]
        marks = np.flatnonzero((characters - ord("0")) > 9)  # below "0" it wraps
        kinds = characters.take(marks)
        newlines = kinds == ord("\n")
        separators = np.flatnonzero(newlines | (kinds == ord(",")))
        rows, rest = divmod(len(separators) - 1, columns)
        if rest or np.count_nonzero(newlines) != rows + 1 or not newlines[separators[::columns]].all():
            raise ValueError(f"a line without {columns} columns")
        before, after = (part.reshape(rows, columns)[:, :read].ravel() for part in (separators[:-1], separators[1:]))
        self.marks = after - before
        self.start = marks.take(before) + 1
        self.stop = marks.take(after)
        last = after - 1
        self.dot = np.where(kinds.take(last) == ord("."), marks.take(last), self.stop)

    def numbers(self) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Return the numbers as `float` reads them, and which fields are plain numbers; the others' are undefined."""
        # Words of eight characters, from each position in the text on: the first character is the lowest byte.
        words = np.ndarray(len(self.text) - _WORD + 1, f"V{_WORD}", self.text, strides=(1,))
        word = words[self.start].view("<i8")
        negative = ((word & 0xFF) == ord("-")).astype(np.int64)
        whole = self.dot - self.start
        whole -= negative
        fraction = np.minimum(self.dot + 1, self.stop)
        places = self.stop - fraction
        digits = whole + places
        plain = (self.marks - negative == 1 + (self.dot < self.stop)) & (whole < _WORD) & (digits > 0) & (digits < 16)
        word >>= negative << 3
        high = np.minimum(places, _WORD)
        value = _number(word, whole)
        value *= _POWERS.take(high, mode="clip")
        value += _number(words[fraction].view("<i8"), high)
        long = np.flatnonzero(places > _WORD)
        if len(long):
            low = places[long] - _WORD
            rest = _number(words[fraction[long] + _WORD].view("<i8"), low)
            value[long] = value[long] * _POWERS.take(low, mode="clip") + rest
        # Both are exact below 2**53: the division is the only rounding.
        return value / np.copysign(_EXACT.take(places, mode="clip"), 0.5 - negative), plain


def _number(words: _Integers, count: _Integers) -> _Integers:
    """The first `count` (0 to 8) characters of each word, all digits, as a number: joined to pairs, fours, eights."""
    words <<= (_WORD - count) << 3
    words &= 0x0F0F0F0F0F0F0F0F
    words *= 10 * 2**8 + 1
    words >>= 8
    words &= 0x00FF00FF00FF00FF
    words *= 100 * 2**16 + 1
    words >>= 16
    words &= 0x0000FFFF0000FFFF
    words *= 10000 * 2**32 + 1
    words >>= 32
    return words
