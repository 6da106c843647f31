"""The stand-ins as programs: how a command line ends."""

import os
import sys
from collections.abc import Callable
from typing import NoReturn


def run(main: Callable[[list[str]], int], *, interrupted: str, status_of_interrupt: int) -> NoReturn:
    """End the process with the status of ``main``, which is given the command line's words.

    Args:
        interrupted: what is printed to stderr after CTRL-C.
    """
    try:
        status = main(sys.argv[1:])
        sys.stdout.flush()
    except BrokenPipeError:  # | head
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 0
    except KeyboardInterrupt:
        sys.stderr.write(interrupted)
        status = status_of_interrupt
    sys.exit(status)
