"""Reads the instances to predict from a file, by the rules of ``gcloud ai-platform predict --json-instances``."""

import json
from collections.abc import Sequence
from pathlib import Path

from cloud.errors import InvalidArgument
from cloud.resources import Json


def read_instances(lines: Sequence[str]) -> list[Json]:
    """The instances in the lines of a file.

    Raises:
        InvalidArgument: an empty line, one that is not JSON, or none at all.
    """
    instances = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            raise InvalidArgument(f"Empty line is not allowed in the instances file. (Line {number}.)")
        try:
            instances.append(json.loads(line))
        except json.JSONDecodeError as error:
            raise InvalidArgument(
                f"Input instances are not in JSON format. (Line {number}: {error.msg} at character {error.pos}.)"
            ) from None
    if not instances:
        raise InvalidArgument("No valid instance was found in input file.")
    return instances


def read_instances_file(path: Path) -> list[Json]:
    """Raises:
    InvalidArgument: it cannot be read, or see ``read_instances``.
    """
    try:
        with path.open(encoding="utf-8-sig") as file:
            return read_instances(list(file))
    except OSError as error:
        raise InvalidArgument(f"{path}: {error.strerror}", field="--json-instances") from None
    except UnicodeDecodeError as error:
        raise InvalidArgument(f"{path} is not UTF-8: {error}", field="--json-instances") from None
    except InvalidArgument as error:
        raise InvalidArgument(f"{path}: {error.message}", field="--json-instances") from None
