import sqlite3
from pathlib import Path

import pytest

from cloud.engine.database import open_database, transaction
from cloud.errors import FailedPrecondition

FIRST = "CREATE TABLE things (name TEXT PRIMARY KEY) STRICT"
SECOND = "ALTER TABLE things ADD COLUMN size INTEGER; UPDATE things SET size = length(name)"


def test_what_was_written_is_there_after_it_is_opened_again(tmp_path: Path) -> None:
    for name in ("a", "b"):
        database = open_database(tmp_path / "d.sqlite", [FIRST])
        database.execute("INSERT INTO things VALUES (?)", (name,))
        database.close()
    database = open_database(tmp_path / "d.sqlite", [FIRST])
    assert [row["name"] for row in database.execute("SELECT name FROM things ORDER BY name")] == ["a", "b"]
    database.close()


def test_an_older_one_is_brought_up_and_keeps_what_it_holds(tmp_path: Path) -> None:
    older = open_database(tmp_path / "d.sqlite", [FIRST])
    older.execute("INSERT INTO things VALUES ('abc')")
    older.close()
    for _ in range(2):
        database = open_database(tmp_path / "d.sqlite", [FIRST, SECOND])
        assert [tuple(row) for row in database.execute("SELECT * FROM things")] == [("abc", 3)]
        database.close()


def test_a_migration_that_fails_leaves_the_older_one_as_it_was(tmp_path: Path) -> None:
    older = open_database(tmp_path / "d.sqlite", [FIRST])
    older.execute("INSERT INTO things VALUES ('abc')")
    older.close()
    with pytest.raises(FailedPrecondition, match="no such table: nowhere"):
        open_database(tmp_path / "d.sqlite", [FIRST, SECOND, "DELETE FROM nowhere"])
    database = open_database(tmp_path / "d.sqlite", [FIRST, SECOND])
    assert [tuple(row) for row in database.execute("SELECT * FROM things")] == [("abc", 3)]
    database.close()


def test_one_of_a_newer_version_is_named_and_not_touched(tmp_path: Path) -> None:
    file = tmp_path / "d.sqlite"
    database = sqlite3.connect(file)
    database.executescript("CREATE TABLE other (x); PRAGMA user_version = 7;")
    database.close()
    before = file.read_bytes()
    with pytest.raises(FailedPrecondition, match=rf"{file} has format 7, this version reads up to 1: use a newer"):
        open_database(file, [FIRST])
    assert file.read_bytes() == before
    assert list(tmp_path.iterdir()) == [file]


def test_what_is_no_database_is_named(tmp_path: Path) -> None:
    file = tmp_path / "d.sqlite"
    file.write_bytes(b"not at all a database, but long enough to be one" * 100)
    with pytest.raises(FailedPrecondition, match=rf"{file} cannot be used: file is not a database"):
        open_database(file, [FIRST])


def test_where_none_can_be_made(tmp_path: Path) -> None:
    with pytest.raises(FailedPrecondition, match="cannot be used"):
        open_database(tmp_path / "none" / "d.sqlite", [FIRST])


def test_a_transaction_that_fills_the_disk_says_so_and_is_rolled_back(tmp_path: Path) -> None:
    """As ``SQLITE_FULL``, over which SQLite rolls back by itself."""
    database = open_database(tmp_path / "d.sqlite", [FIRST])
    (pages,) = database.execute("PRAGMA page_count").fetchone()
    database.execute(f"PRAGMA max_page_count = {pages + 2}")

    def write(size: int) -> None:
        with transaction(database):
            database.execute("INSERT INTO things VALUES ('small')")
            database.execute("INSERT INTO things VALUES (?)", ("x" * size,))

    with pytest.raises(sqlite3.OperationalError) as full:
        write(1_000_000)
    assert full.value.sqlite_errorcode == sqlite3.SQLITE_FULL
    write(1)
    assert [row["name"] for row in database.execute("SELECT name FROM things ORDER BY rowid")] == ["small", "x"]
    database.close()
