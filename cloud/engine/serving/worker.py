"""Serves one SavedModel over HTTP on a Unix socket.

    python -m cloud.engine.serving.worker --model-dir DIR --socket PATH [--serving-stack STACK]

When the model is loaded and warm, the worker writes one JSON line to stdout: ``{"ready": {}}``. If the model
cannot be served it writes ``{"failed": TEXT}`` and exits with status 1. Before either it may write ``{"note": TEXT}``.
On SIGTERM it responds to pending requests and exits. Its routes are in ``application.py``.
"""

import argparse
import json
import os
import sys
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from cloud.engine.serving.listen_config import ListenConfig
from cloud.engine.serving.saved_model import SavedModel
from cloud.engine.serving.tensorflow_c import load_library
from cloud.errors import FailedPrecondition
from cloud.resources import ServingStack


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m cloud.engine.serving.worker", description="Serve a SavedModel.")
    parser.add_argument("--model-dir", type=str, required=True, help="the folder with saved_model.pb")
    purpose = parser.add_mutually_exclusive_group(required=True)
    purpose.add_argument("--socket", type=Path, help="where to listen: a path that does not exist")
    purpose.add_argument("--check", action="store_true", help="load and call the model, report, and exit")
    parser.add_argument(
        "--serving-stack",
        type=ServingStack,
        default=ServingStack.PREDICTION_LIBRARY,
        help=f"whose rules requests and answers follow: {' or '.join(ServingStack)} (the default is the first)",
    )
    arguments = parser.parse_args(argv)

    try:
        if arguments.check:
            load(arguments.model_dir, report_note)
            report_ready()
            return 0
        # aiohttp reads the system's CA certificates while it is imported. Nothing here speaks TLS.
        os.environ.update(SSL_CERT_FILE=os.devnull, SSL_CERT_DIR=os.devnull)
        serve(
            arguments.model_dir,
            ListenConfig(arguments.socket),
            report_ready,
            report_note,
            arguments.serving_stack,
        )
    except FailedPrecondition as error:
        report({"failed": error.message})
        return 1
    return 0


def serve(
    model_dir: str,
    config: ListenConfig,
    on_ready: Callable[[], None],
    on_note: Callable[[str], None],
    stack: ServingStack = ServingStack.PREDICTION_LIBRARY,
) -> None:
    """Serve the SavedModel until SIGTERM, then respond to pending requests and return.

    Args:
        model_dir: a folder, local or on ``gs://``.
        on_ready: called when the model is loaded and warm, and requests are accepted.
        on_note: called with each sentence about what TensorFlow Serving would do otherwise.

    Raises:
        FailedPrecondition: the model cannot be served.
        OSError: the address is taken.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="load") as pool:
        loading = pool.submit(load, model_dir, on_note)
        # Meanwhile, since TensorFlow's code lets other threads run: importing this takes as long as loading a model.
        from cloud.engine.event_loop import run
        from cloud.engine.serving.application import serve_model

        model, warmed = loading.result()
    run(serve_model(model, warmed, config, on_ready, stack))


def load(model_dir: str, on_note: Callable[[str], None]) -> tuple[SavedModel, Collection[str]]:
    """Load and call the SavedModel; see ``serve`` and ``SavedModel.warm_up``."""
    load_library()  # first: until it is loaded, no thread can import a compiled module
    model = SavedModel(model_dir)
    for note in model.notes:
        on_note(note)
    return model, model.warm_up()


def report_ready() -> None:
    report({"ready": {}})


def report_note(text: str) -> None:
    report({"note": text})


def report(value: object) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
