"""Loads SavedModels as the worker does, one after the other, and predicts with each.

    python -m integration.serving.verdicts c|python FOLDER

Standard input: ``{NAME: [INSTANCES, …]}``; the models are in FOLDER, and each list is a request of its own. Standard
output: ``{NAME: {"refused": TEXT} or {"signatures": …, "joinable": …, "predictions": [PREDICTIONS or TEXT, …]}}``.
"""

import json
import sys
from pathlib import Path
from typing import Any

import orjson

from cloud.engine.serving.loading import Opener, open_python_session, open_session
from cloud.engine.serving.saved_model import SavedModel
from cloud.engine.serving.signatures import choose_signature
from cloud.errors import FailedPrecondition, PredictionFailed

OPENERS: dict[str, Opener] = {"c": open_session, "python": open_python_session}


def verdict(path: Path, opener: Opener, requests: list[list[Any]]) -> dict[str, Any]:
    try:
        model = SavedModel(str(path), opener)
        joinable = sorted(model.warm_up())
    except FailedPrecondition as error:
        return {"refused": error.message}
    predictions = [predict(model, instances) for instances in requests]
    return {"signatures": model.signatures, "joinable": joinable, "predictions": predictions}


def predict(model: SavedModel, instances: list[Any]) -> Any:
    name = choose_signature(model.signatures, None)
    try:
        return model.run(name, model.prepare(name, instances), len(instances))
    except PredictionFailed as error:
        return error.message


def main(opener: str, folder: str) -> None:
    requests = json.load(sys.stdin)
    found = {name: verdict(Path(folder, name), OPENERS[opener], each) for name, each in requests.items()}
    assert (opener == "python") == ("tensorflow" in sys.modules)
    sys.stdout.write(orjson.dumps(found).decode())


if __name__ == "__main__":
    main(*sys.argv[1:])
