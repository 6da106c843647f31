import errno
import sqlite3
from pathlib import Path

import pytest

from cloud.engine.database import open_database
from cloud.engine.disk import disk_full
from full_disk import files_of_at_most


def test_a_write_to_a_full_disk(tmp_path: Path) -> None:
    database = open_database(tmp_path / "d.sqlite", ["CREATE TABLE things (name TEXT)"])
    with files_of_at_most(500_000):
        with pytest.raises(OSError, match="too large") as failed, (tmp_path / "f").open("wb") as file:
            file.write(bytes(1_000_000))
        with pytest.raises(sqlite3.OperationalError) as refused:
            database.execute("INSERT INTO things VALUES (?)", ("x" * 1_000_000,))
    for caught in (failed, refused):
        error = disk_full(caught.value)
        assert error is not None
        assert (error.http_status, error.code) == (429, "RESOURCE_EXHAUSTED")
        assert "no room left on the disk" in error.message
    database.execute("INSERT INTO things VALUES (?)", ("x" * 1_000_000,))
    database.close()


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "x"), OSError(errno.EDQUOT, "x")], ids=repr)
def test_a_full_disk_or_quota(error: OSError) -> None:
    assert disk_full(error)


def test_other_errors_do_not_mean_a_full_disk(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "d.sqlite") as database, pytest.raises(sqlite3.OperationalError) as caught:
        database.execute("SELECT * FROM nothing")
    database.close()
    for error in (
        caught.value,
        sqlite3.OperationalError("no code"),
        OSError(errno.ENOENT, "x"),
        OSError("x"),
        ValueError(),
    ):
        assert disk_full(error) is None
