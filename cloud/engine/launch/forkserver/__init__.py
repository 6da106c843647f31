"""The launcher's own program: turns requests into processes that look as if ``python -m MODULE`` had started them.

    python -P -u -X utf8 .../forkserver/__main__.py warm|cold CONTROL_FD PARENT_PID [MODULE_TO_PRELOAD ...]

Self-contained on purpose: no process that runs somebody's trainer has a line of ``cloud`` in it, so these modules
import each other and the standard library only, and are loaded as the package ``_forkserver``. Three roles, one below
the other:

- **launcher**: waits on the control socket, where each byte carries three file descriptors: standard output, standard
  error and a *leash*, a socket whose other end only the engine holds. It forks a supervisor for each.
- **supervisor**: reads the request from its leash and forks the user's process. It is the subreaper of everything that
  process starts, however it detaches. When the user's process ends, when a stop is asked for, or when the leash breaks
  because the engine is gone, it ends the whole tree and reports the user's exit status. A supervisor does not need its
  launcher any more.
- **user's process**: *warm* goes on in this interpreter, with all that is preloaded; *cold* becomes a fresh one.

What a user can tell about warm: modules of the preload are in ``sys.modules`` and have read their environment variables
when they were loaded (``PYTHON*`` variables, too, come too late); a job's own module of the same name wins unless the
preloaded one contains compiled code; ``inspect.stack()`` ends in these files. Nothing else, or it is a bug.

On systems other than Linux there is no subreaper: only the process group of the user's process is ended there, and
only cold is offered.
"""

import sys

AT_STARTUP = frozenset(sys.modules)
"""What every interpreter loads at its start, more or less."""
