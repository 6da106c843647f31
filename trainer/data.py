"""Reads CSV files, local or on `gs://`, into shuffled batches of rows: streamed, in bounded memory, without tf.data.

`tf.data` decodes line by line, which takes far longer than training the model. Parsing a megabyte at a time and
shuffling by index keeps up with the model (see `benchmarks/training.py`).
"""

import glob
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import BinaryIO, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from trainer.rows import COLUMNS, NUMBERS, BadRow, parse_block
from trainer.shares import Part

Rows = NDArray[np.float32]
"""float32 [n, 6], columns `trainer.rows.NUMBERS`: dollars, degrees, number of passengers."""

READ_BYTES = 1 << 20
MAX_LINE_BYTES = 1 << 20
MAX_BAD_SHARE = 0.01
WINDOW_ROWS = 1 << 21  # 48 MiB; a smaller file is shuffled uniformly and read once

_T = TypeVar("_T")


class DataError(Exception):
    """The data cannot be used. The message is one line with the file, the fault and its extent."""


class Files(Protocol):
    """Finds and opens files."""

    def matching(self, pattern: str) -> list[str]:
        """Return the files that match a path or glob, sorted. Raises OSError."""

    def open(self, path: str) -> BinaryIO:
        """Open for reading; raises OSError. Only `read(n)`, `seek`, `tell` and the context manager are used."""


class LocalFiles:
    """Local files."""

    def matching(self, pattern: str) -> list[str]:
        return sorted(glob.glob(pattern, recursive=True))

    def open(self, path: str) -> BinaryIO:
        return open(path, "rb")


class CsvData:
    """The rows of the files that match `paths`: a path, a glob, or several separated by commas.

    With `shares` above 1, only the part `share` of each file, counted from 0: equal parts by bytes, each line in one.
    `rows`, `bad` and `first_bad` (file, row) describe the first pass over the files.
    Raises DataError if a pattern matches no file.
    """

    def __init__(
        self, paths: str, files: Files, log: Callable[[str], None], *, share: int = 0, shares: int = 1
    ) -> None:
        self.paths = paths
        self._share, self._shares = share, shares
        self._files = files
        self._log = log
        self.names: list[str] = []
        for pattern in filter(None, (part.strip() for part in paths.split(","))):
            try:
                found = files.matching(pattern)
            except OSError as error:
                raise DataError(f"{pattern}: {error}") from error
            if not found:
                raise DataError(f"{pattern}: no file matches")
            self.names += found
        if not self.names:
            raise DataError("no data path given")
        self.rows = 0
        self.bad = 0
        self.first_bad: tuple[str, BadRow] | None = None
        self._counted = False

    def blocks(self) -> Iterator[Rows]:
        """Yield the good rows of all files, in order, about a megabyte of text at a time.

        Raises DataError if a file cannot be read or has an overlong line, and at the end of the first pass if there
        were no rows or more than 1 % bad ones.
        """
        for name in self.names:
            line = 1
            for text in self._texts(name):
                block = parse_block(text, line)
                line += block.lines
                if not self._counted:
                    self.rows += len(block.values) + block.bad
                    self.bad += block.bad
                    if block.first_bad and not self.first_bad:
                        number = block.first_bad.number + self._lines_before(name)
                        self.first_bad = (name, BadRow(number, block.first_bad.why))
                if len(block.values):
                    yield block.values
        if not self._counted:
            self.check()
            self._counted = True

    def validate(self, limit: int | None = None) -> None:
        """Read all rows, or at least the first `limit`, to raise DataError as `blocks` does."""
        count = 0
        for rows in self.blocks():
            count += len(rows)
            if limit is not None and count >= limit:
                self.check()
                self._counted = True
                return

    def check(self) -> None:
        """Check what the first pass has read so far, and log the rows skipped. Raises DataError as `blocks` does."""
        if self._counted:
            return
        where = self.names[0] if len(self.names) == 1 else f"{self.paths} ({len(self.names)} files)"
        if self._shares > 1:
            where += f", part {self._share + 1} of {self._shares}"
        if self.first_bad:
            name, bad = self.first_bad
            count = f"{self.bad:,} of {self.rows:,} rows ({self.bad / self.rows:.2%})"
            first = f"first: {name} row {bad.number}: {bad.why}"
            if self.bad > MAX_BAD_SHARE * self.rows:
                raise DataError(
                    f"{where}: {count} cannot be parsed, more than the {MAX_BAD_SHARE:.0%} allowed; {first}; "
                    f"expected without header: {','.join(COLUMNS)}"
                )
            self._log(f"skipped {count} of {where}; {first}")
        if not self.rows:
            raise DataError(f"{where}: no rows")

    def _texts(self, name: str) -> Iterator[bytes]:
        rest = b""
        try:
            with self._files.open(name) as file:
                part = Part(file, self._share, self._shares) if self._shares > 1 else file
                while text := part.read(READ_BYTES):
                    whole, newline, tail = text.rpartition(b"\n")
                    if newline:
                        yield rest + whole + newline
                        rest = tail
                    else:
                        rest += text
                    if len(rest) > MAX_LINE_BYTES:
                        raise DataError(f"{name}: a line longer than {MAX_LINE_BYTES:,} bytes; is this a CSV file?")
        except OSError as error:
            raise DataError(f"{name}: {error.strerror or error}") from error
        if rest:
            yield rest

    def _lines_before(self, name: str) -> int:
        """The lines of a file before the share."""
        if self._share == 0:
            return 0
        with self._files.open(name) as file:
            return Part(file, self._share, self._shares).lines_before()


def shuffled(data: CsvData, seed: Sequence[int], window: int = WINDOW_ROWS) -> Iterator[Rows]:
    """Yield rows endlessly, each once per epoch, shuffled within a window of at least `window` rows.

    Holds at most about two windows. Data that fits the window is read once and kept. The same seed gives the same
    order. Raises DataError as `CsvData.blocks` does.
    """
    random = np.random.default_rng(seed)
    while True:
        pool: list[Rows] = []
        held = 0
        streamed = False
        for rows in data.blocks():
            pool.append(rows)
            held += len(rows)
            if held >= window:
                # Yield half, keep half to mix with the rows that follow: neighbours in the file are separated.
                mixed = np.concatenate(pool)[random.permutation(held)]
                yield mixed[: held // 2]
                pool, held, streamed = [mixed[held // 2 :]], held - held // 2, True
        rest = np.concatenate(pool)
        yield rest[random.permutation(len(rest))]
        while not streamed:
            yield rest[random.permutation(len(rest))]


def batched(rows: Iterator[Rows], steps: int, size: int) -> Iterator[Rows]:
    """Cut a stream of rows into batches for several steps at a time, float32 [steps, size, 6], dropping the rest."""
    whole = np.empty((steps * size, len(NUMBERS)), np.float32)
    filled = 0
    for part in rows:
        while len(part):
            taken = part[: len(whole) - filled]
            whole[filled : filled + len(taken)] = taken
            filled += len(taken)
            part = part[len(taken) :]
            if filled == len(whole):
                yield whole.reshape(steps, size, len(NUMBERS)).copy()
                filled = 0


def prefetched(items: Iterator[_T], depth: int = 2) -> Iterator[_T]:
    """Run an iterator in a thread, up to `depth` items ahead; its exceptions are raised here, in order."""
    end = object()
    with ThreadPoolExecutor(1, thread_name_prefix="prefetch") as pool:
        ahead = [pool.submit(next, items, end) for _ in range(depth)]
        try:
            while (item := ahead.pop(0).result()) is not end:
                ahead.append(pool.submit(next, items, end))
                yield item  # type: ignore[misc]
        finally:
            for future in ahead:
                future.cancel()
