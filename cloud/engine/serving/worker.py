"""Serves one SavedModel over HTTP on the loopback interface.

    python -m cloud.engine.serving.worker --model-dir DIR [--port N] [--serving-stack STACK]

When the model is loaded and warm, the worker writes one JSON line to stdout: ``{"ready": {"port": N}}``. If the model
cannot be served it writes ``{"failed": TEXT}`` and exits with status 1. Before either it may write ``{"note": TEXT}``.
On SIGTERM it responds to pending requests and exits. Its routes are in ``application.py``.
"""

import argparse
import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

import orjson

from cloud.engine.event_loop import run
from cloud.engine.serving.rules import Servable
from cloud.engine.serving.tensorflow_c import load_library
from cloud.errors import FailedPrecondition
from cloud.resources import ServingStack

if TYPE_CHECKING:
    from cloud.engine.serving.application import ListenConfig


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m cloud.engine.serving.worker", description="Serve a SavedModel.")
    parser.add_argument("--model-dir", type=str, required=True, help="the folder with saved_model.pb")
    parser.add_argument("--check", action="store_true", help="load and call the model, report, and exit")
    parser.add_argument("--port", type=int, default=0, help="on 127.0.0.1; 0 (the default) takes a free one")
    parser.add_argument(
        "--serving-stack",
        type=ServingStack,
        default=ServingStack.PREDICTION_LIBRARY,
        help=f"whose rules requests and answers follow: {' or '.join(ServingStack)} (the default is the first)",
    )
    arguments = parser.parse_args(argv)

    try:
        # Only after the flags are checked, and while the rest is imported: each is half of the start.
        threading.Thread(target=load_library, name="load TensorFlow").start()
        if arguments.check:
            load(arguments.model_dir, report_note).warm_up()
            report({"ready": {}})
            return 0
        from cloud.engine.serving.application import ListenConfig

        serve(
            arguments.model_dir,
            ListenConfig(port=arguments.port),
            lambda port: report({"ready": {"port": port}}),
            report_note,
            arguments.serving_stack,
        )
    except FailedPrecondition as error:
        report({"failed": error.message})
        return 1
    return 0


def serve(
    model_dir: str,
    config: "ListenConfig",
    on_ready: Callable[[int], None],
    on_note: Callable[[str], None],
    stack: ServingStack = ServingStack.PREDICTION_LIBRARY,
) -> None:
    """Serve the SavedModel until SIGTERM, then respond to pending requests and return.

    Args:
        model_dir: a folder, local or on ``gs://``.
        on_ready: called with the port when the model is loaded and warm.
        on_note: called with each sentence about what TensorFlow Serving would do otherwise.

    Raises:
        FailedPrecondition: the model cannot be served.
        OSError: the port is taken.
    """
    from cloud.engine.serving.application import serve_model

    run(serve_model(load(model_dir, on_note), config, on_ready, stack))


def load(model_dir: str, on_note: Callable[[str], None]) -> Servable:
    """Load the SavedModel; see ``serve``."""
    from cloud.engine.serving.saved_model import SavedModel

    model = SavedModel(model_dir)
    for note in model.notes:
        on_note(note)
    return model


def report_note(text: str) -> None:
    report({"note": text})


def report(value: object) -> None:
    sys.stdout.write(orjson.dumps(value).decode() + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
