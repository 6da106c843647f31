"""TensorBoard on a Unix socket, which no other user of this machine can reach: a program of its own.

    python -m cloud.console.tensorboard_server SOCKET LOGDIR_SPEC PATH_PREFIX

It ends when its standard input does, with whoever started it.
"""

import logging
import os
import sys
import threading
from typing import Any

_LONGEST_LOAD = 20.0
"""Seconds to wait for the curves before the first page is served: it shows those that there are, and does not look
again by itself."""


class _FirstLoad(logging.Handler):
    """Notices that all folders were read once: only TensorBoard's log tells."""

    def __init__(self) -> None:
        super().__init__()
        self.done = threading.Event()

    def emit(self, record: logging.LogRecord) -> None:
        if "done reloading" in record.msg:
            self.done.set()


def main(socket: str, folders: str, prefix: str) -> None:
    from tensorboard import default, program
    from werkzeug.serving import make_server

    class Server:
        """See ``tensorboard.program.TensorBoardServer``."""

        def __init__(self, app: Any, _: object) -> None:
            self._server = make_server(f"unix://{socket}", 0, app, threaded=True)

        def serve_forever(self) -> None:
            self._server.serve_forever()

        def get_url(self) -> str:
            return f"unix://{socket}"

    board = program.TensorBoard(default.get_plugins(), server_class=Server)
    # The fast loader of data is a server of its own on a TCP port.
    board.configure(
        ("tensorboard", "--logdir_spec", folders, "--path_prefix", prefix, "--load_fast=false", "--reload_interval=5")
    )
    loaded = _FirstLoad()
    logging.getLogger("tensorboard").addHandler(loaded)
    logging.getLogger("tensorboard").setLevel(logging.INFO)
    board.launch()
    loaded.done.wait(_LONGEST_LOAD)
    os.write(sys.stdout.fileno(), b"ready\n")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # nobody reads more of it
    while os.read(sys.stdin.fileno(), 1024):
        pass
    os._exit(0)  # its threads wait for nothing that matters


if __name__ == "__main__":
    main(*sys.argv[1:])
