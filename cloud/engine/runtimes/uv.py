"""Runs uv, which resolves and installs packages, with the user's own index settings and never in a job's network."""

import asyncio
import contextlib
import functools
import importlib.util
import os
import shutil
import signal
from asyncio import StreamReader
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import cast

from cloud.engine.runtimes.index_settings import secrets_of, uv_index_environ
from cloud.engine.runtimes.uv_errors import ERROR_STARTS, MEND_INSTALL, Reason, UvError, explain, redact
from cloud.resources.log_entries import Severity

Log = Callable[[str, Severity], None]
"""Receives one line of progress."""

_OWN_VARIABLES = {
    # An index that does not answer must cost a moment, not half a minute of tries; one lost packet costs a second.
    "UV_HTTP_RETRIES": "0",
    "UV_HTTP_CONNECT_TIMEOUT": "2",
    "UV_NO_PROGRESS": "1",
    "UV_NO_COLOR": "1",
    "NO_COLOR": "1",
    "UV_PYTHON_DOWNLOADS": "manual",
}
_QUICK_SECONDS = "2"
"""For the first byte of an answer while a resolution asks for metadata; a download has uv's own 30 seconds."""
_CHANGES_RESULTS = frozenset(
    {
        "CONDA_PREFIX",
        "PYTHONHOME",
        "PYTHONPATH",
        "UV_BUILD_CONSTRAINT",
        "UV_COMPILE_BYTECODE",
        "UV_CONSTRAINT",
        "UV_CUSTOM_COMPILE_COMMAND",
        "UV_EXCLUDE",
        "UV_NO_BINARY",
        "UV_NO_BUILD",
        "UV_NO_DEPS",
        "UV_OVERRIDE",
        "UV_PROJECT",
        "UV_PYTHON",
        "UV_REQUIRE_HASHES",
        "UV_RESOLUTION",
        "UV_SYSTEM_PYTHON",
        "UV_TARGET",
        "UV_VENV_SEED",
        "UV_WORKING_DIR",
        "VIRTUAL_ENV",
    }
)
"""Variables of the user that would change what is installed, or where; each caller states that."""


class Uv:
    """uv with the settings of one user.

    Args:
        environ: the user's environment, as it was before anything led it to a local cloud.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        kept = {name: value for name, value in environ.items() if name not in _CHANGES_RESULTS}
        if links := kept.get("UV_FIND_LINKS"):
            # uv runs in another folder than the user.
            kept["UV_FIND_LINKS"] = ",".join(
                link if "://" in link else os.path.abspath(link) for link in links.split(",")
            )
        self._user = kept

    @functools.cached_property
    def environ(self) -> Mapping[str, str]:
        """Of uv's process."""
        return _OWN_VARIABLES | self._user | uv_index_environ(self._user)

    @functools.cached_property
    def _secrets(self) -> frozenset[str]:
        return secrets_of(self.environ)

    def path(self) -> Path:
        """uv's executable: that of this Python's environment, else the one on PATH.

        Raises:
            UvError: there is none.
        """
        if importlib.util.find_spec("uv"):
            import uv

            with contextlib.suppress(FileNotFoundError):
                return Path(uv.find_uv_bin())
        if found := shutil.which("uv", path=self.environ.get("PATH")):
            return Path(found)
        raise UvError(MEND_INSTALL, reason=Reason.MISSING)

    def redact(self, text: str) -> str:
        """``text`` without the user's logins and tokens."""
        return redact(text, self._secrets)

    async def run(
        self,
        *arguments: str,
        log: Log,
        offline: bool = False,
        quick: bool = False,
        lock: int | None = None,
        links: Sequence[Path] = (),
    ) -> str:
        """Run ``uv ARGUMENTS`` and return its standard output.

        Cancelled, it ends uv and what uv started.

        Args:
            log: receives what uv reports, without secrets.
            offline: use the cache and the folders of wheels only.
            quick: it only asks for metadata, so an index that is silent for two seconds is given up
                (``UV_HTTP_TIMEOUT`` of the user's environment allows another time).
            lock: the file descriptor of a lock that uv keeps until it ends, if this process is killed before.
            links: folders of wheels, besides the user's.

        Raises:
            UvError: uv failed, or there is no uv.
        """
        environ = dict(self.environ)
        if offline:
            environ["UV_OFFLINE"] = "1"
        if links:
            # In the variable, since an option takes its place.
            environ["UV_FIND_LINKS"] = ",".join(filter(None, (environ.get("UV_FIND_LINKS"), *map(str, links))))
        if quick:
            environ.setdefault("UV_HTTP_TIMEOUT", _QUICK_SECONDS)
        process = await asyncio.create_subprocess_exec(
            str(self.path()),
            *arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=environ,
            cwd="/",  # no project's own settings
            start_new_session=True,
            pass_fds=() if lock is None else (lock,),
            limit=2**20,
        )
        stdout, stderr = cast(StreamReader, process.stdout), cast(StreamReader, process.stderr)
        try:
            output, errors = await asyncio.gather(stdout.read(), self._read_errors(stderr, log))
            status = await process.wait()
        except BaseException:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
            raise
        if status:
            raise explain(errors or f"error: it ended with status {status}")
        return output.decode(errors="replace")

    async def _read_errors(self, stream: StreamReader, log: Log) -> str:
        """Pass on what uv reports; return the error at its end."""
        error: list[str] = []
        async for data in stream:
            line = self.redact(data.decode(errors="replace").rstrip())
            if error or line.lstrip().startswith(ERROR_STARTS):
                error.append(line)
            elif line:
                log(line, Severity.WARNING if line.startswith("warning:") else Severity.INFO)
        return "\n".join(error)
