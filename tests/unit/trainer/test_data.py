from collections.abc import Iterator
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer import data
from trainer.data import CsvData, DataError, LocalFiles, batched, prefetched, shuffled


def quiet(line: str) -> None:
    """Log nothing."""


class Memory:
    """Files in a dict."""

    def __init__(self, **files: bytes) -> None:
        self.files = files
        self.opened: list[str] = []

    def matching(self, pattern: str) -> list[str]:
        return sorted(name for name in self.files if name.startswith(pattern.rstrip("*")))

    def open(self, path: str) -> BinaryIO:
        self.opened.append(path)
        return BytesIO(self.files[path])


def text(first: int, count: int) -> bytes:
    """Rows whose fare is their number."""
    return b"".join(b"%d,-73.9,40.7,-73.8,40.8,1,k\n" % number for number in range(first, first + count))


def fares(parts: Iterator[data.Rows], count: int) -> list[int]:
    found: list[int] = []
    while len(found) < count:
        found += [int(fare) for fare in next(parts)[:, 0]]
    return found


def test_paths_are_files_globs_and_lists() -> None:
    files = Memory(a1=text(0, 2), a2=text(2, 2), b=text(4, 1))
    assert CsvData("a*, b", files, quiet).names == ["a1", "a2", "b"]
    assert [int(f) for block in CsvData("a*,b", files, quiet).blocks() for f in block[:, 0]] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("paths", ["nothing*", "a,nothing*"])
def test_a_pattern_that_matches_nothing_is_an_error(paths: str) -> None:
    with pytest.raises(DataError, match=r"^nothing\*: no file matches$"):
        CsvData(paths, Memory(a=text(0, 1)), quiet)


def test_no_pattern_at_all_is_an_error() -> None:
    with pytest.raises(DataError, match="no data path"):
        CsvData(" , ", Memory(), quiet)


@pytest.mark.parametrize("content", [b"", b"\n\r\n"])
def test_a_file_without_rows_is_an_error(content: bytes) -> None:
    with pytest.raises(DataError, match=r"^a: no rows$"):
        list(CsvData("a", Memory(a=content), quiet).blocks())


def test_a_header_is_skipped_and_logged_once() -> None:
    logged: list[str] = []
    rows = CsvData("a", Memory(a=b"fare_amount,b,c,d,e,f,key\n" + text(0, 200)), logged.append)
    for _ in range(2):
        assert sum(map(len, rows.blocks())) == 200
    assert logged == ["skipped 1 of 201 rows (0.50%) of a; first: a row 1: fare_amount is not a number: 'fare_amount'"]
    assert (rows.rows, rows.bad) == (201, 1)


def test_more_than_one_percent_bad_rows_is_an_error_with_details() -> None:
    rows = CsvData("a*", Memory(a1=text(0, 150), a2=b"1,2\n1,2\n"), quiet)
    with pytest.raises(DataError) as error:
        list(rows.blocks())
    message = str(error.value)
    assert "\n" not in message
    for part in ("a* (2 files)", "2 of 152 rows (1.32%)", "more than the 1%", "a2 row 1: 2 columns instead of 7"):
        assert part in message


def test_exactly_one_percent_bad_rows_is_allowed() -> None:
    list(CsvData("a", Memory(a=text(0, 99) + b"bad\n"), quiet).blocks())


def test_rows_are_numbered_across_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "READ_BYTES", 64)
    rows = CsvData("a", Memory(a=text(0, 500) + b"bad\n" + text(500, 10)), quiet)
    assert [int(f) for block in rows.blocks() for f in block[:, 0]] == list(range(510))
    assert rows.first_bad is not None
    assert rows.first_bad[1].number == 501


def test_shares_have_each_row_once_and_number_rows_as_the_file_does() -> None:
    content = text(0, 300) + b"bad\n" + text(300, 300)
    shares = [CsvData("a", Memory(a=content), quiet, share=share, shares=4) for share in range(4)]
    found = [[int(fare) for block in share.blocks() for fare in block[:, 0]] for share in shares]
    assert [fare for part in found for fare in part] == list(range(600))
    assert all(found)
    (first_bad,) = [share.first_bad for share in shares if share.first_bad]
    assert first_bad[1].number == 301


def test_a_share_without_rows_is_an_error() -> None:
    with pytest.raises(DataError, match=r"^a, part 3 of 3: no rows$"):
        list(CsvData("a", Memory(a=text(0, 1)), quiet, share=2, shares=3).blocks())


def test_an_endless_line_is_an_error_before_it_fills_the_memory() -> None:
    with pytest.raises(DataError, match="a line longer than 1,048,576 bytes"):
        list(CsvData("a", Memory(a=b"\0" * (5 << 20)), quiet).blocks())


def test_a_file_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(DataError, match=r"folder\.csv: Is a directory"):
        list(CsvData(str(tmp_path / "*.csv"), LocalFiles(), quiet).blocks())


def test_validation_stops_at_its_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "READ_BYTES", 64)
    rows = CsvData("a", Memory(a=text(0, 1000)), quiet)
    rows.validate(10)
    assert 10 <= rows.rows < 20
    assert sum(map(len, rows.blocks())) == 1000
    assert rows.rows < 20  # counted once


@given(st.integers(1, 300), st.integers(1, 400), st.integers(0, 5))
def test_every_epoch_has_every_row_once(count: int, window: int, seed: int) -> None:
    parts = shuffled(CsvData("a", Memory(a=text(0, count)), quiet), [seed], window)
    found = fares(parts, 2 * count)
    assert sorted(found[:count]) == sorted(found[count : 2 * count]) == list(range(count))


def test_the_order_depends_on_seed_and_epoch() -> None:
    def two_epochs(seed: int) -> list[int]:
        return fares(shuffled(CsvData("a", Memory(a=text(0, 50)), quiet), [seed]), 100)

    first = two_epochs(1)
    assert first == two_epochs(1) != two_epochs(2)
    assert first[:50] != first[50:]
    assert first[:50] != list(range(50))


def test_a_file_that_fits_the_window_is_read_once_and_a_larger_one_again() -> None:
    files = Memory(a=text(0, 50))
    fares(shuffled(CsvData("a", files, quiet), [1], window=51), 500)
    assert files.opened == ["a"]
    fares(shuffled(CsvData("a", files, quiet), [1], window=50), 500)
    assert len(files.opened) > 5


@given(st.lists(st.integers(1, 20), min_size=1, max_size=30), st.integers(1, 4), st.integers(1, 6))
def test_batches_are_the_stream_cut_to_size(lengths: list[int], steps: int, size: int) -> None:
    stream = np.arange(6 * sum(lengths), dtype=np.float32).reshape(-1, 6)
    parts = np.split(stream, np.cumsum(lengths)[:-1])
    batches = list(batched(iter(parts), steps, size))
    whole = len(stream) // (steps * size) * steps * size
    assert all(batch.shape == (steps, size, 6) for batch in batches)
    np.testing.assert_array_equal(np.array(batches).reshape(-1, 6), stream[:whole])


def test_prefetching_changes_neither_items_nor_errors() -> None:
    def items() -> Iterator[int]:
        yield from range(5)
        raise DataError("at the end")

    ahead = prefetched(items())
    assert list(islice(ahead, 5)) == [0, 1, 2, 3, 4]
    with pytest.raises(DataError, match="at the end"):
        next(ahead)
    assert list(prefetched(iter([]))) == []
