"""The process of one student: his cloud, its console, his page, and JupyterLab once he asks for it.

The class starts it as that student's user. It is an ordinary cloud in an ordinary folder of ``cloud.lab``. On stdin
come lines of JSON: first an ``Order``, then requests ``{"look": n}``; their end is the class's end. On stdout go
``{"ready": {"port": …}}``, ``{"failed": "why"}``, and ``{"look": n, "report": {…}}``, see ``report``.
"""

import gc
import signal
import sys


def main() -> int:
    # Ctrl-C at the terminal is for the class, which ends this process by the end of its stdin.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Collecting garbage while modules are loaded finds none and takes a tenth of the start.
    gc.disable()
    from cloud.classroom.student_session import Reports, serve
    from cloud.engine.event_loop import run

    return run(serve(Reports()))


if __name__ == "__main__":
    sys.exit(main())
