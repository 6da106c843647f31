"""Recognizes errors of a full disk."""

import errno
import os
import sqlite3

from cloud.errors import ResourceExhausted

_DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_SQLITE_WRITES = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_FSYNC})


def disk_full(error: BaseException) -> ResourceExhausted | None:
    """The error to return to the caller, if ``error`` says that the disk or a quota is full; else None.

    That code, with status 429, is Google's for "the entire file system is out of space"
    (https://github.com/googleapis/googleapis/blob/master/google/rpc/code.proto).
    """
    match error:
        case OSError(errno=code) if code in _DISK_FULL:
            pass
        case sqlite3.OperationalError(sqlite_errorcode=code) if code in _SQLITE_WRITES:
            pass
        case _:
            return None
    return _resource_exhausted(error)


def find_disk_full(text: str) -> ResourceExhausted | None:
    """The same for the error text of another program."""
    text = text.lower()
    return next((_resource_exhausted(why) for why in map(os.strerror, sorted(_DISK_FULL)) if why.lower() in text), None)


def _resource_exhausted(why: object) -> ResourceExhausted:
    return ResourceExhausted(
        f"There is no room left on the disk of the local cloud ({why}). Free some, or start it with another --state."
    )
