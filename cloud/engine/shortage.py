"""Recognizes errors of a process or machine that has no file descriptor, process or memory left for now."""

import errno
import os

from cloud.errors import Unavailable

_WHAT = {
    errno.EMFILE: "file descriptors (ulimit -n)",
    errno.ENFILE: "file descriptors",
    errno.EAGAIN: "processes (ulimit -u)",
    errno.ENOMEM: "memory",
}


def shortage(error: BaseException) -> Unavailable | None:
    """The error to return to the caller, who may try again, if ``error`` says that something is used up; else None."""
    match error:
        case OSError(errno=int(code)) if code in _WHAT:
            return Unavailable(f"The local cloud has no {_WHAT[code]} left ({os.strerror(code)}): try again later.")
        case _:
            return None
