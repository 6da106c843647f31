"""Whether something failed because nothing more can be written."""

import errno
import os
import sqlite3

from cloud.errors import ResourceExhausted

_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_SQLITE_WRITES = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_FSYNC})


def disk_full(error: BaseException) -> ResourceExhausted | None:
    """The error for the caller, if the disk (or a quota on it) is full.

    That code, with status 429, is Google's for "the entire file system is out of space"
    (https://github.com/googleapis/googleapis/blob/master/google/rpc/code.proto).
    """
    match error:
        case OSError(errno=code) if code in _NO_ROOM:
            pass
        case sqlite3.OperationalError(sqlite_errorcode=code) if code in _SQLITE_WRITES:
            pass
        case _:
            return None
    return _refused(error)


def find_disk_full(words: str) -> ResourceExhausted | None:
    """The same of what another program says of its failure."""
    said = words.lower()
    return next((_refused(why) for why in map(os.strerror, sorted(_NO_ROOM)) if why.lower() in said), None)


def _refused(why: object) -> ResourceExhausted:
    return ResourceExhausted(
        f"There is no room left on the disk of the local cloud ({why}). Free some, or start it with another --state."
    )
