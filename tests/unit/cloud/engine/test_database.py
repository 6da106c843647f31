import sqlite3
from pathlib import Path

import pytest

from cloud.engine.database import open_database
from cloud.errors import FailedPrecondition

SCHEMA = "CREATE TABLE IF NOT EXISTS things (name TEXT PRIMARY KEY) STRICT"


def test_what_was_written_is_there_after_it_is_opened_again(tmp_path: Path) -> None:
    for name in ("a", "b"):
        database = open_database(tmp_path / "d.sqlite", SCHEMA, 1)
        database.execute("INSERT INTO things VALUES (?)", (name,))
        database.close()
    database = open_database(tmp_path / "d.sqlite", SCHEMA, 1)
    assert [row["name"] for row in database.execute("SELECT name FROM things ORDER BY name")] == ["a", "b"]
    database.close()


def test_one_of_another_version_is_named_and_not_touched(tmp_path: Path) -> None:
    file = tmp_path / "d.sqlite"
    database = sqlite3.connect(file)
    database.executescript("CREATE TABLE other (x); PRAGMA user_version = 7;")
    database.close()
    before = file.read_bytes()
    with pytest.raises(FailedPrecondition, match=rf"{file} has format 7, this version reads 1: use another"):
        open_database(file, SCHEMA, 1)
    assert file.read_bytes() == before
    assert list(tmp_path.iterdir()) == [file]


def test_what_is_no_database_is_named(tmp_path: Path) -> None:
    file = tmp_path / "d.sqlite"
    file.write_bytes(b"not at all a database, but long enough to be one" * 100)
    with pytest.raises(FailedPrecondition, match=rf"{file} cannot be used: file is not a database"):
        open_database(file, SCHEMA, 1)


def test_where_none_can_be_made(tmp_path: Path) -> None:
    with pytest.raises(FailedPrecondition, match="cannot be used"):
        open_database(tmp_path / "none" / "d.sqlite", SCHEMA, 1)
