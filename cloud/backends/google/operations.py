"""Vertex AI's long-running operations, polled until they are done."""

import asyncio
import logging

from cloud.backends.google.errors import error_of_operation
from cloud.backends.google.service import ServiceContext
from cloud.errors import DeadlineExceeded
from cloud.resources import Json

_log = logging.getLogger(__name__)


async def finish(context: ServiceContext, operation: Json) -> Json:
    """Wait until ``operation`` is done; returns its ``response``.

    Raises:
        CloudError: its error.
        DeadlineExceeded: it is not done in time; it continues.
    """
    clock = asyncio.get_running_loop().time
    polls, began = 0, clock()
    while not operation.get("done"):
        polls += 1
        pause = context.pace.pause(polls)
        waited = clock() - began
        if waited + pause > context.pace.limit:
            raise DeadlineExceeded(f"the operation {operation['name']} does not end: {waited:.1f} seconds were waited")
        await asyncio.sleep(pause)
        operation = await context.transport.send(f"{_collection(operation['name'])}.get", {"name": operation["name"]})
        _log.debug("%s after %.0f s: %s", operation["name"], waited, "done" if operation.get("done") else "running")
    if "error" in operation:
        raise error_of_operation(operation["error"])
    return operation.get("response", {})


async def unfinished(context: ServiceContext, resource: str, kind: str) -> Json:
    """A running operation of the type ``kind`` (``DeployModel``) on ``resource``; None if there is none."""
    parent = f"{_collection(f'{resource}/operations/')}.list"
    for operation in await context.transport.pages(parent, {"name": resource}, "operations"):
        if not operation.get("done") and f".{kind}OperationMetadata" in operation.get("metadata", {}).get("@type", ""):
            return operation
    return None


def _collection(name: str) -> str:
    """The prefix of the method ids for an operation of this name: nested under a resource, or in the location."""
    before = name.partition("/operations/")[0].split("/")[4:]
    return ".".join(["aiplatform.projects.locations", *before[::2], "operations"])
