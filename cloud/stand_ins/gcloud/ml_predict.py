"""``gcloud ai-platform predict``, and how predictions are shown."""

import argparse
import json
from typing import Any

from cloud.stand_ins.connection import escape
from cloud.stand_ins.failures import Failure, HttpError
from cloud.stand_ins.gcloud import ml
from cloud.stand_ins.gcloud.commands import command, flag
from cloud.stand_ins.gcloud.invocation import Invocation, read_text

INSTANCES = (flag("--json-instances"), flag("--text-instances"), flag("--json-request"))


@command(
    "ai-platform predict",
    flag("--model", required=True),
    flag("--version"),
    ml.REGION,
    *INSTANCES,
    flag("--signature-name"),
)
def predict(run: Invocation, flags: argparse.Namespace) -> Any:
    instances = read_instances(flags)
    host = ml.endpoint(run, flags.region)
    path = f"{ml.project_path(run)}/models/{escape(flags.model)}"
    path += f"/versions/{escape(flags.version)}" if flags.version else ""
    body: dict[str, Any] = {"instances": instances}
    if flags.signature_name:
        body["signature_name"] = flags.signature_name
    try:
        found = run.call("POST", host, f"{path}:predict", None, body)
    except HttpError as error:
        raise Failure(f"HTTP request failed. Response: {error.body.decode(errors='replace')}") from None
    predictions = found.get("predictions") if isinstance(found, dict) else None
    run.text = shown(found, predictions)
    return found


def read_instances(flags: argparse.Namespace) -> list[Any]:
    """Raises:
    Failure: not exactly one file, or it holds no instances; texts are the SDK's.
    """
    given = [name for name in ("json_instances", "text_instances", "json_request") if getattr(flags, name)]
    if len(given) != 1:
        raise Failure(
            "Exactly one of (--json-instances | --json-request | --text-instances) must be specified.", status=2
        )
    text = read_text(getattr(flags, given[0]))
    if flags.json_request:
        return _of_request(text)
    found: list[Any] = []
    for line in text.splitlines():
        if not line.strip():
            raise Failure("Empty line is not allowed in the instances file.")
        found.append(_of_json(line) if flags.json_instances else line)
    if not found:
        raise Failure("No valid instance was found in input file.")
    return found


def _of_json(line: str) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        raise Failure(
            'Input instances are not in JSON format. See "gcloud ai-platform predict --help" for details.'
        ) from None


def _of_request(text: str) -> list[Any]:
    try:
        found = json.loads(text)
        instances = found["instances"]
    except (ValueError, KeyError, TypeError):
        raise Failure(
            'Input instances are not in JSON format. See "gcloud ai-platform predict --help" for details.'
        ) from None
    if not isinstance(instances, list):
        raise Failure("Invalid instances in the request: a list is expected.")
    return instances


def shown(response: Any, predictions: Any) -> str:
    """As the SDK shows them: a column for each key, bare values without a heading, anything else as JSON."""
    from cloud.stand_ins.output.formats import table

    if not isinstance(predictions, list):
        return json.dumps(response, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    if not predictions:
        return ""
    if not isinstance(predictions[0], dict):
        return table([[_cell(each)] for each in predictions], ["PREDICTIONS"], frozenset({"no-heading"}))
    names = sorted(predictions[0])
    rows = [[_cell(each.get(name)) for name in names] for each in predictions]
    return table(rows, [name.upper() for name in names])


def _cell(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
