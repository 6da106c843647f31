"""Predict with a SavedModel on this machine, without a cloud, as ``gcloud ml-engine local predict`` does.

python -m cloud.local_predict --model-dir EXPORT --json-instances FILE [--signature-name NAME]

FILE holds one JSON instance a line. Checks, texts and the table follow the Cloud SDK (``predict_utilities``).
"""

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO

import click

from cloud.engine.serving.signatures import DEFAULT_SIGNATURE, choose_signature
from cloud.errors import CloudError, InvalidArgument
from cloud.resources import Json
from cloud.wire.model_files import SAVED_MODEL_FILES, keras_hint
from cloud.workflow.instances import read_instances


def _existing(_: click.Context, __: click.Parameter, folder: str) -> str:
    if not folder.startswith("gs://") and not Path(folder).is_dir():
        raise click.BadParameter(f"no such folder: {folder}")
    return folder


@click.command()
@click.option(
    "--model-dir",
    callback=_existing,
    required=True,
    help="The folder that holds saved_model.pb; may be on gs://.",
)
@click.option(
    "--json-instances",
    type=click.File("r", encoding="utf-8-sig"),
    required=True,
    help="A file with one JSON instance a line; - is standard input.",
)
@click.option("--signature-name", help="Default: the model's only signature, else serving_default.")
@click.option("--as-json", is_flag=True, hidden=True, help="One JSON array, for programs.")
def main(model_dir: str, json_instances: IO[str], signature_name: str | None, *, as_json: bool) -> None:
    """Predict with the SavedModel in --model-dir for each instance in --json-instances."""
    try:
        instances = read_instances(list(json_instances))
        if not model_dir.startswith("gs://"):
            _check_model_dir(Path(model_dir))
        predictions = _predict(model_dir, instances, signature_name)
    except CloudError as error:
        click.echo(f"ERROR: (cloud.local_predict) {error.message}", err=True)
        sys.exit(1)
    except UnicodeDecodeError as error:
        click.echo(f"ERROR: (cloud.local_predict) {json_instances.name} is not UTF-8: {error}", err=True)
        sys.exit(1)
    if as_json:
        click.echo(json.dumps(predictions))
        return
    for line in table(predictions):
        click.echo(line)


def table(predictions: Sequence[Json]) -> list[str]:
    """Lines to print: a column for each output under its name in capitals, or bare values without a heading."""
    if not predictions:
        return []
    if not isinstance(predictions[0], dict):
        return [_cell(prediction) for prediction in predictions]
    keys = sorted(predictions[0])
    rows = [[key.upper() for key in keys], *([_cell(row[key]) for key in keys] for row in predictions)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]


def _cell(value: Json) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _check_model_dir(folder: Path) -> None:
    if any((folder / name).is_file() for name in SAVED_MODEL_FILES):
        return
    below = sorted(path.parent for name in SAVED_MODEL_FILES for path in folder.glob(f"*/{name}"))
    hint = f" Did you mean {below[-1]}?" if below else keras_hint(path.name for path in folder.iterdir())
    raise InvalidArgument(f"{folder} holds no saved_model.pb: --model-dir is the folder of one SavedModel.{hint}")


def _predict(folder: str, instances: list[Json], signature_name: str | None) -> list[dict[str, Json]]:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # errors only
    from cloud.engine.serving.saved_model import SavedModel  # takes seconds: only after the input was checked

    model = SavedModel(folder)
    model.warm_up()  # refuses what TensorFlow Serving could not answer with
    signature = choose_signature(model.signatures, signature_name)
    if signature_name is None and signature != DEFAULT_SIGNATURE:
        click.echo(f"The model has no signature {DEFAULT_SIGNATURE}: using its only one, {signature}.", err=True)
    return model.run(signature, model.prepare(signature, instances), len(instances))


if __name__ == "__main__":
    main()
