"""Capabilities: what root may do (capabilities(7)). Standard library only."""

import os
import struct

from .libc import call

_PR_SET_NO_NEW_PRIVS = 38  # linux/prctl.h
_VERSION_3 = 0x20080522  # linux/capability.h
_KEPT_BY_ROOT = 0b11111
"""Over the files of its own: CAP_CHOWN, DAC_OVERRIDE, DAC_READ_SEARCH, FOWNER, FSETID."""


def reduce() -> None:
    """Give up all capabilities but those over files, which root keeps, for ever.

    Root would else read the memory of other processes in spite of Landlock; in a user namespace everybody has all
    capabilities, and could undo its mounts. Under no_new_privs no program that is executed gets one back.

    Raises:
        OSError: the kernel refuses it.
    """
    call("prctl", _PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    kept = _KEPT_BY_ROOT if os.geteuid() == 0 else 0
    # Effective, permitted, inheritable: the lower 32 of each, then the higher.
    call("capset", struct.pack("=Ii", _VERSION_3, 0), struct.pack("=6I", kept, kept, 0, 0, 0, 0))
