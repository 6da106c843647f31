"""Programs under test, started as a user starts them."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any


async def run(environ: dict[str, str], *argv: str | Path, status: int = 0, given: bytes = b"") -> str:
    """A program's output."""
    process = await asyncio.create_subprocess_exec(
        *map(str, argv), env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        async with asyncio.timeout(100):
            out, error = await process.communicate(given)
    except TimeoutError:
        process.kill()
        raise
    assert process.returncode == status, error.decode() + out.decode()
    return (out + error).decode()


async def run_step(environ: dict[str, str], steps: Path, which: str, **given: object) -> Any:
    """The results of a function of a file of steps, which prints them as JSON."""
    output = await run(environ, sys.executable, steps, which, json.dumps(given))
    return json.loads(output.partition("\n")[0])
