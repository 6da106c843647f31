"""Checks an exported SavedModel on this machine, before a version of it is deployed, which bills.

At Google such a deployment succeeds although no request can be answered.
"""

import asyncio
import importlib.util
import json
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import cloud
from cloud.backends.base import Backend
from cloud.errors import FailedPrecondition
from cloud.folders.temporary import Kind, temporary_folder
from cloud.names import GsUri
from cloud.settings import whole_environ

Check = Callable[[Path], Awaitable[str]]
"""Checks the SavedModel in a local folder; returns what came of it, in a few words. Raises ``FailedPrecondition``."""


async def check_export(backend: Backend, folder: GsUri, check: Check) -> str:
    """Download the SavedModel in ``folder`` and check it.

    Raises:
        FailedPrecondition: no request to it could be answered.
    """
    with temporary_folder(Kind.EXPORT) as local:
        await backend.download(folder.as_folder(), local)
        return await check(local)


async def check_saved_model(folder: Path) -> str:
    """Load and call the SavedModel as a serving worker does, in a process of its own."""
    if importlib.util.find_spec("tensorflow") is None:
        return "it was not checked here, where TensorFlow is not installed"
    environ = {"TF_CPP_MIN_LOG_LEVEL": "2", **whole_environ()}
    path = [str(Path(cloud.__path__[0]).parent), *filter(None, [environ.get("PYTHONPATH")])]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "cloud.engine.serving.worker", "--check", "--model-dir", str(folder)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environ | {"PYTHONPATH": os.pathsep.join(path)},
    )
    try:
        output, errors = await process.communicate()
    except BaseException:
        process.kill()
        await process.wait()
        raise
    lines = output.decode(errors="replace").splitlines()
    report = json.loads(lines[-1]) if lines and lines[-1].startswith("{") else {}
    if "failed" in report:
        raise FailedPrecondition(report["failed"])
    if "ready" not in report:
        last = errors.decode(errors="replace").strip().splitlines()[-5:]
        raise FailedPrecondition("the check of the exported model ended early:\n" + "\n".join(last))
    return "it was loaded and called here first"
