"""Write taxi-train.csv and taxi-valid.csv: synthetic trips in the format of the lab's files.

    python -m trainer.sample_data --rows 1000000 --seed 1 DIR

writes N rows to train on and N/5 (at least one) to evaluate on, in seconds, in bounded memory. The same N and seed give
the same files.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np

from trainer.command_line import OneLineParser, whole_number
from trainer.progress import log, log_error
from trainer.rows import COLUMNS
from trainer.trips import draw

TRAIN, VALID = "taxi-train.csv", "taxi-valid.csv"
ROWS_PER_CHUNK = 1 << 18


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status: 0, or 1 for a folder that cannot be used. Illegal flags exit with 2."""
    parser = OneLineParser("trainer.sample_data", __doc__ or "")
    parser.add_argument(
        "--rows",
        type=whole_number(1),
        default=10_000,
        metavar="N",
        help="rows to train on (default %(default)s); N/5 more to evaluate on",
    )
    parser.add_argument("--seed", type=whole_number(0), default=1, metavar="S", help="default %(default)s")
    parser.add_argument("--overwrite", action="store_true", help="replace these files where they exist")
    parser.add_argument("folder", metavar="DIR", type=Path, help="made if it does not exist")
    arguments = parser.parse_args(argv)
    try:
        for path in write(arguments.folder, arguments.rows, arguments.seed, overwrite=arguments.overwrite):
            log(f"wrote {path}")
    except FileExistsError as error:
        return _fail(parser, f"{error.filename or error} exists: give another folder, or --overwrite")
    except OSError as error:
        return _fail(parser, f"{error.filename or arguments.folder}: {error.strerror}")
    return 0


def _fail(parser: argparse.ArgumentParser, message: str) -> int:
    log_error(parser.prog, message)
    return 1


def write(folder: Path, rows: int, seed: int, *, overwrite: bool = False) -> list[Path]:
    """Write both files and return their paths. Each appears under its name only when complete.

    Raises FileExistsError if one exists and may not be overwritten, OSError if the folder cannot be written to.
    """
    if folder.exists() and not folder.is_dir():
        raise NotADirectoryError(20, "is not a folder", str(folder))
    targets = [(folder / TRAIN, rows, 0), (folder / VALID, max(1, rows // 5), 1)]
    for path, _, _ in targets:
        if path.exists() and not overwrite:
            raise FileExistsError(17, "exists", str(path))
    folder.mkdir(parents=True, exist_ok=True)
    for path, count, part in targets:
        unfinished = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            with unfinished.open("wb") as file:
                for first in range(0, count, ROWS_PER_CHUNK):
                    chunk = min(ROWS_PER_CHUNK, count - first)
                    random = np.random.default_rng([seed, rows, part, first])
                    _write_rows(file, random, first, chunk)
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)
    return [path for path, _, _ in targets]


def _write_rows(file: BinaryIO, random: np.random.Generator, first: int, count: int) -> None:
    trips = draw(random, count)
    columns = [getattr(trips, name).tolist() for name in COLUMNS[:-1]]
    rows = zip(*columns, range(first, first + count), strict=True)
    # Floats always have a decimal point, as in the lab's files: 12.0, not 12.
    file.write("".join(",".join(map(repr, row)) + "\n" for row in rows).encode())


if __name__ == "__main__":
    sys.exit(main())
