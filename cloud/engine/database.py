"""The durable records of one part of the engine: an SQLite file of its own, in write-ahead mode."""

import sqlite3
from pathlib import Path

from cloud.errors import FailedPrecondition


def open_database(path: Path, schema: str, version: int) -> sqlite3.Connection:
    """Open or make ``path`` with ``schema`` (idempotent ``CREATE TABLE IF NOT EXISTS`` statements).

    Every statement commits by itself unless inside ``with connection:`` after an explicit ``BEGIN``. Only the event
    loop's thread uses the connection: a write takes well under a millisecond, less than handing it to a thread.

    Raises:
        FailedPrecondition: the file was written by another version of this project, or cannot be written.
    """
    try:
        connection = sqlite3.connect(path, isolation_level=None)
    except sqlite3.OperationalError as error:
        raise FailedPrecondition(f"{path} cannot be used: {error}") from error
    try:
        connection.row_factory = sqlite3.Row
        found = connection.execute("PRAGMA user_version").fetchone()[0]
        if found not in (0, version):
            raise FailedPrecondition(
                f"{path} has format {found}, this version reads {version}: use another state folder, or remove this one"
            )
        # NORMAL loses nothing when a process dies; only a machine that loses power may lose the last moments.
        connection.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON;")
        connection.executescript(schema + f"; PRAGMA user_version = {version};")
    except sqlite3.DatabaseError as error:
        connection.close()
        raise FailedPrecondition(f"{path} cannot be used: {error}") from error
    except FailedPrecondition:
        connection.close()
        raise
    return connection
