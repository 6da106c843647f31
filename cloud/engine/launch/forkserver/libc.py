"""Functions and system calls of the C library that Python's ``os`` does not have. Standard library only."""

import ctypes
import os

Argument = int | bytes | None | ctypes.Array[ctypes.c_char]

_LIBC = ctypes.CDLL(None, use_errno=True)


def call(name: str, *arguments: Argument, step: str | None = None) -> int:
    """Call a function of the C library with integers of the width of a register, and pointers.

    Args:
        step: what it is called for, in the text of errors; by default ``name``.

    Raises:
        OSError: it returned -1.
    """
    passed = (ctypes.c_long(argument) if isinstance(argument, int) else argument for argument in arguments)
    result = int(getattr(_LIBC, name)(*passed))
    if result == -1:
        raise failed(ctypes.get_errno(), step or name)
    return result


def system_call(name: str, number: int, *arguments: Argument) -> int:
    """Make a system call that is no function of the C library; errors as ``call``."""
    return call("syscall", number, *arguments, step=name)


def failed(number: int | None, step: str) -> OSError:
    """The error of a step with this ``errno``."""
    return OSError(number, f"{step}: {os.strerror(number or 0)}")
