"""Vertex AI's long-running operations, awaited."""

import asyncio
import logging

from cloud.backends.google.errors import error_of_operation
from cloud.backends.google.service import ServiceContext
from cloud.errors import DeadlineExceeded
from cloud.resources import Json

_log = logging.getLogger(__name__)


async def finish(context: ServiceContext, operation: Json) -> Json:
    """What ``operation`` made (``response``), once it is done.

    Raises:
        CloudError: how it failed.
        DeadlineExceeded: it does not end; it goes on.
    """
    clock = asyncio.get_running_loop().time
    looks, began = 0, clock()
    while not operation.get("done"):
        looks += 1
        pause = context.pace.pause(looks)
        waited = clock() - began
        if waited + pause > context.pace.limit:
            raise DeadlineExceeded(f"the operation {operation['name']} does not end: {waited:.1f} seconds were waited")
        await asyncio.sleep(pause)
        operation = await context.transport.send(f"{_collection(operation['name'])}.get", {"name": operation["name"]})
        _log.debug("%s after %.0f s: %s", operation["name"], waited, "done" if operation.get("done") else "under way")
    if "error" in operation:
        raise error_of_operation(operation["error"])
    return operation.get("response", {})


async def unfinished(context: ServiceContext, resource: str, kind: str) -> Json:
    """An operation of the type ``kind`` (``DeployModel``) that is under way on ``resource``; None without one."""
    parent = f"{_collection(f'{resource}/operations/')}.list"
    for operation in await context.transport.pages(parent, {"name": resource}, "operations"):
        if not operation.get("done") and f".{kind}OperationMetadata" in operation.get("metadata", {}).get("@type", ""):
            return operation
    return None


def _collection(name: str) -> str:
    """Method ids of the operations that are named like this one: nested under a resource, or in the location."""
    before = name.partition("/operations/")[0].split("/")[4:]
    return ".".join(["aiplatform.projects.locations", *before[::2], "operations"])
