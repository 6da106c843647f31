"""SQLite databases, one for each part of the engine, in write-ahead mode."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from cloud.engine.disk import disk_full
from cloud.errors import FailedPrecondition


def open_database(path: Path, migrations: Sequence[str]) -> sqlite3.Connection:
    """Open or create ``path`` and migrate it to the newest format, in one transaction.

    Every statement commits by itself unless inside ``transaction``. Only the event loop's thread uses the connection:
    a write takes well under a millisecond, less than handing it to a thread.

    Args:
        migrations: SQL from each format to the next, the first from an empty file. A published one is never changed. A
            new one is added at the end, and ``state_folder.FORMAT`` raised with it, so that an older program refuses
            the whole folder before it changes anything.

    Raises:
        FailedPrecondition: the file was written by a newer version of this project, or cannot be written.
        ResourceExhausted: the disk is full.
    """
    try:
        connection = sqlite3.connect(path, isolation_level=None)
    except sqlite3.OperationalError as error:
        raise FailedPrecondition(f"{path} cannot be used: {error}") from error
    try:
        connection.row_factory = sqlite3.Row
        found = connection.execute("PRAGMA user_version").fetchone()[0]
        if found > len(migrations):
            raise FailedPrecondition(
                f"{path} has format {found}, this version reads up to {len(migrations)}: use a newer version, or "
                "another state folder"
            )
        # NORMAL loses nothing when a process dies; a power failure may lose the last transactions.
        connection.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON;")
        if found < len(migrations):
            steps = ";".join(migrations[found:])
            connection.executescript(f"BEGIN IMMEDIATE; {steps}; PRAGMA user_version = {len(migrations)}; COMMIT;")
    except sqlite3.DatabaseError as error:
        connection.close()  # which rolls back
        raise disk_full(error) or FailedPrecondition(f"{path} cannot be used: {error}") from error
    except FailedPrecondition:
        connection.close()
        raise
    return connection


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """One commit for all statements inside; an exception rolls them back and is raised.

    SQLite itself rolls back on some errors, such as a full disk (https://www.sqlite.org/lang_transaction.html,
    "Response To Errors Within A Transaction"): a ROLLBACK would then fail and hide the error. The connection's own
    context manager checks for that, and also rolls back when the commit fails.
    """
    connection.execute("BEGIN IMMEDIATE")
    with connection:
        yield
