"""Decides whether a job's replicas may start warm."""

import asyncio
from collections.abc import Iterable, Sequence
from pathlib import Path

from cloud.engine.launch.command import Interpreter
from cloud.engine.launch.start_variables import read_at_import, read_at_start
from cloud.engine.runtimes.uv import Log
from cloud.resources.log_entries import Severity


async def heeding_variables(
    interpreter: Interpreter, env: Iterable[str], packages: Sequence[Path], log: Log
) -> Interpreter:
    """The interpreter in which replicas heed the variables that the job and its program set: ``interpreter``, or the
    same without preloaded modules, which the log then says.

    Args:
        env: names of the variables that the job sets; those that the platform sets are not among them.
        packages: folders of the job's own packages, without those that they require.
    """
    if not interpreter.preload:
        return interpreter
    if names := read_at_start(env):
        log(f"{', '.join(names)} {'is' if len(names) == 1 else 'are'} set: started cold.", Severity.INFO)
        return interpreter.cold
    for folder in packages:
        if names := await asyncio.to_thread(read_at_import, folder):
            log(f"The program sets {', '.join(names)}: started cold.", Severity.INFO)
            return interpreter.cold
    return interpreter
