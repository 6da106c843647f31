"""Files of ``--config``: a job or a version as YAML or JSON."""

from typing import Any

from cloud.stand_ins.failures import Failure
from cloud.stand_ins.gcloud.invocation import read_text


def read_config(path: str | None) -> dict[str, Any]:
    """What the file holds; nothing if there is none.

    Raises:
        Failure: it cannot be read, is no YAML, or no mapping.
    """
    if path is None:
        return {}
    from cloud.stand_ins.output.yaml_text import load

    try:
        found = load(read_text(path))
    except ValueError as error:
        raise Failure(f"Failed to parse YAML from [{path}]: {error}") from None
    if not isinstance(found, dict):
        raise Failure(f"[{path}] must hold a mapping, such as `trainingInput:` with what is below it")
    return found
