"""Cloud Build's JSON of builds and of their operations. Pure."""

import base64
from collections.abc import Mapping

from cloud.emulator.cloudbuild_v1.records import BUILD
from cloud.emulator.cloudbuild_v1.tables import GLOBAL
from cloud.emulator.rest.records import Record
from cloud.emulator.rest.scalars import timestamp
from cloud.resources import Json

_TYPE = "type.googleapis.com/google.devtools.cloudbuild.v1."
_DONE = frozenset({"SUCCESS", "FAILURE", "INTERNAL_ERROR", "TIMEOUT", "CANCELLED", "EXPIRED"})
_CODES = {"CANCELLED": 1, "FAILURE": 2, "TIMEOUT": 4, "EXPIRED": 4, "INTERNAL_ERROR": 13}
"""``google.rpc.Code`` of an operation by the state of its build."""


def build_json(project: str, number: int, record: Record) -> dict[str, Json]:
    """``Build``."""
    location = record.location
    page = "builds" if location == GLOBAL else f"builds;region={location}"
    return {
        **record.fields[BUILD],
        "id": record.id,
        "name": f"projects/{number}/{record.name}",
        "projectId": project,
        "createTime": timestamp(record.create_time),
        "logUrl": f"https://console.cloud.google.com/cloud-build/{page}/{record.id}?project={number}",
    }


def operation_json(build: Mapping[str, Json], location: str) -> dict[str, Json]:
    """``google.longrunning.Operation`` of the build."""
    encoded = base64.b64encode(build["id"].encode()).decode()
    project = build["projectId"]
    name = f"build/{project}/{encoded}" if location == GLOBAL else encoded
    parent = "" if location == GLOBAL else f"projects/{project}/locations/{location}/"
    answer: dict[str, Json] = {
        "name": f"{parent}operations/{name}",
        "metadata": {"@type": f"{_TYPE}BuildOperationMetadata", "build": dict(build)},
    }
    status = build["status"]
    if status == "SUCCESS":
        answer |= {"done": True, "response": {"@type": f"{_TYPE}Build", **build}}
    elif status in _DONE:
        message = build.get("statusDetail", "Build failed; check build logs for details")
        answer |= {"done": True, "error": {"code": _CODES[status], "message": message}}
    return answer


def build_of(operation: str) -> str:
    """The id of the build whose operation has this last part of its name; empty if it is none."""
    try:
        return base64.b64decode(operation, validate=True).decode("ascii")
    except ValueError:
        return ""
