"""The fork server: starts processes on request that behave as if ``python -m MODULE`` had started them.

    python -P -u -X utf8 .../forkserver/__main__.py CONTROL_FD PARENT_PID [MODULE_TO_PRELOAD ...]

Self-contained, so that a process that runs a user's trainer has no module of ``cloud``: these modules import each other
and the standard library only, and are loaded as the package ``_forkserver``. Three roles, each the parent of the next:

- **launcher**: waits on the control socket, where each byte carries file descriptors: a *connection*, a socket whose
  other end only the engine holds, standard output, standard error, and for a process that is confined in a network
  those of its namespaces, and a socket for ``/gcs``. It forks a supervisor for each; for another byte, a process that
  creates a network.
- **supervisor**: reads the request from its connection and forks the user's process. It is the subreaper of everything
  that process starts, however it detaches. When the user's process ends, when the engine requests a stop, or when the
  connection closes because the engine is gone, it ends the whole tree and reports the user's exit status. A supervisor
  does not depend on its launcher.
- **user's process**: confines itself if the request says so (``confine.py``), and reports its start, or why it ends
  instead. Then *warm* continues in this interpreter, with the preloaded modules; *cold* executes a fresh one.

What differs for a user's program when warm (``tests/integration/launch`` compares all else):

- preloaded modules are in ``sys.modules``, with their loggers, warning filters, exit handlers and import hooks; they
  have read their environment variables, as the interpreter has its ``PYTHON*`` (``start_variables.py``), and what they
  wrote to the environment is gone (TensorFlow: ``TF2_BEHAVIOR=1``);
- a job's own module of the same name is imported unless the preloaded one contains compiled code;
- all processes of one launcher share a hash seed;
- ``inspect.stack()`` ends in these files, and ``/proc/PID/cmdline`` names them.

Any other difference is a bug.

On systems other than Linux there is no subreaper: only the process group of the user's process is ended, and only cold
is supported.
"""

import sys

AT_STARTUP = frozenset(sys.modules)
"""The modules that an interpreter loads at its start, approximately."""
