"""The versions of Vertex AI's API: ``v1beta1`` has the methods of ``v1``, which serves them, and more.

Clients mix them: gcloud's released commands poll the operations of ``v1`` at ``v1beta1``, and the SDK those of both
below ``/ui``, which is nowhere documented.
"""

import re
from collections.abc import Mapping
from dataclasses import replace

from cloud.emulator.rest.discovery import Method, load
from cloud.emulator.rest.operations import Operation
from cloud.resources import Json

BETA = "v1beta1"
BETA_DOCUMENT = f"aiplatform.{BETA}"
_PREFIX = re.compile(r"/(?:(?:resumable/)?upload/)?(v1beta1|v1|ui)/")
_TYPE = "type.googleapis.com/google.cloud.aiplatform."


def as_v1(raw_path: str) -> tuple[str, str]:
    """``raw_path`` in ``v1``, and the version that it has: ``v1``, ``v1beta1`` or ``ui``; empty if it has none."""
    found = _PREFIX.match(raw_path)
    return (f"/v1/{raw_path[found.end() :]}", found[1]) if found else (raw_path, "")


def only_in_beta(http_method: str, raw_path: str) -> tuple[Method, str]:
    """A method that ``v1`` does not have.

    Raises:
        NotFound: ``v1beta1`` has none either.
    """
    return load(BETA_DOCUMENT).match(http_method, raw_path)


def of_beta(method: Method) -> Method:
    """A method of ``v1`` that was requested in ``v1beta1``."""
    return replace(method, path=method.path.replace("v1/", f"{BETA}/", 1))


def body_of_beta(method: Method, content: bytes) -> dict[str, Json]:
    """The body of a request for ``of_beta(…)``: messages of ``v1beta1`` have more fields, which have no effect here.

    Raises:
        InvalidArgument: it is no message of the method's.
    """
    document = load(BETA_DOCUMENT)
    return document.body(document.methods[method.id], content)


def is_of_beta(method: Method) -> bool:
    return method.path.startswith(f"{BETA}/")


def begun_in_beta(operation: Operation) -> Operation:
    """``operation`` with metadata of ``v1beta1``: clients of one version know no other's messages."""
    return replace(operation, metadata=_in_beta(operation.metadata))


def in_its_version(operation: Operation) -> Operation:
    """``operation`` with a response of the version in which it began."""
    began_in_beta = str(operation.metadata.get("@type", "")).startswith(f"{_TYPE}{BETA}.")
    return (
        replace(operation, response=_in_beta(operation.response)) if began_in_beta and operation.response else operation
    )


def _in_beta(message: Mapping[str, Json]) -> dict[str, Json]:
    return {**message, "@type": str(message["@type"]).replace(f"{_TYPE}v1.", f"{_TYPE}{BETA}.")}
