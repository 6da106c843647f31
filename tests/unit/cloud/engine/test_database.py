import sqlite3
from pathlib import Path

import pytest

from cloud.engine.database import open_database, transaction
from cloud.errors import FailedPrecondition, ResourceExhausted

FIRST = "CREATE TABLE things (name TEXT PRIMARY KEY) STRICT"
SECOND = "ALTER TABLE things ADD COLUMN size INTEGER; UPDATE things SET size = length(name)"


def test_rows_are_there_after_the_database_is_opened_again(tmp_path: Path) -> None:
    for name in ("a", "b"):
        database = open_database(tmp_path / "d.sqlite", [FIRST])
        database.execute("INSERT INTO things VALUES (?)", (name,))
        database.close()
    database = open_database(tmp_path / "d.sqlite", [FIRST])
    assert [row["name"] for row in database.execute("SELECT name FROM things ORDER BY name")] == ["a", "b"]
    database.close()


def test_an_older_database_is_migrated_and_keeps_its_rows(tmp_path: Path) -> None:
    older = open_database(tmp_path / "d.sqlite", [FIRST])
    older.execute("INSERT INTO things VALUES ('abc')")
    older.close()
    for _ in range(2):
        database = open_database(tmp_path / "d.sqlite", [FIRST, SECOND])
        assert [tuple(row) for row in database.execute("SELECT * FROM things")] == [("abc", 3)]
        database.close()


def test_a_migration_that_fails_leaves_the_database_as_it_was(tmp_path: Path) -> None:
    older = open_database(tmp_path / "d.sqlite", [FIRST])
    older.execute("INSERT INTO things VALUES ('abc')")
    older.close()
    with pytest.raises(FailedPrecondition, match="no such table: nowhere"):
        open_database(tmp_path / "d.sqlite", [FIRST, SECOND, "DELETE FROM nowhere"])
    database = open_database(tmp_path / "d.sqlite", [FIRST, SECOND])
    assert [tuple(row) for row in database.execute("SELECT * FROM things")] == [("abc", 3)]
    database.close()


def test_a_database_of_a_newer_version_is_refused_and_not_changed(tmp_path: Path) -> None:
    file = tmp_path / "d.sqlite"
    database = sqlite3.connect(file)
    database.executescript("CREATE TABLE other (x); PRAGMA user_version = 7;")
    database.close()
    before = file.read_bytes()
    with pytest.raises(FailedPrecondition, match=rf"{file} has format 7, this version reads up to 1: use a newer"):
        open_database(file, [FIRST])
    assert file.read_bytes() == before
    assert list(tmp_path.iterdir()) == [file]


def test_the_error_names_a_file_that_is_not_a_database(tmp_path: Path) -> None:
    file = tmp_path / "d.sqlite"
    file.write_bytes(b"not at all a database, but long enough to be one" * 100)
    with pytest.raises(FailedPrecondition, match=rf"{file} cannot be used: file is not a database"):
        open_database(file, [FIRST])


def test_a_database_that_cannot_be_created(tmp_path: Path) -> None:
    with pytest.raises(FailedPrecondition, match="cannot be used"):
        open_database(tmp_path / "none" / "d.sqlite", [FIRST])


def test_a_database_that_the_disk_has_no_room_for(tmp_path: Path) -> None:
    small = f"PRAGMA max_page_count = 1; {FIRST}"
    with pytest.raises(ResourceExhausted, match="There is no room left on the disk"):
        open_database(tmp_path / "d.sqlite", [small])
    open_database(tmp_path / "d.sqlite", [FIRST]).close()


def test_a_transaction_that_fills_the_disk_raises_that_and_is_rolled_back(tmp_path: Path) -> None:
    """On ``SQLITE_FULL`` SQLite itself rolls back."""
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
