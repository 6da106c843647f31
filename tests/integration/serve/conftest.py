"""A user's environment, and a server in it."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from integration.serve.programs import read_until, start
from integration.user_environ import user_environ


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "user").mkdir(mode=0o700)
    kept = user_environ()
    return kept | {"XDG_RUNTIME_DIR": str(tmp_path / "user"), "CLOUD_LAUNCHER": "cold"}


@pytest.fixture
def server(environ: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    with start(environ) as process:
        read_until(process, "Ctrl-C ends it")
        yield process
        process.kill()
