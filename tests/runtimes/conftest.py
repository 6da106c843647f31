"""Real runtimes, made once into the store that ``CLOUD_RUNTIMES`` names: ``tox -e runtimes`` keeps it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cloud.server.thread import BackgroundCloud
from cloud.settings import RequirementsMode, RuntimeMode, Settings

TRAINERS = Path(__file__).parent / "trainers"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if not os.environ.get("RUNTIMES_ARE_MADE"):
        folder = str(Path(__file__).parent)
        for item in items:
            if str(item.path).startswith(folder):
                item.add_marker(pytest.mark.skip(reason="downloads a gigabyte: tox -e runtimes"))


@pytest.fixture(scope="session")
def runtimes() -> Path:
    """The store, with ``tf1`` and its base ``tf2.15``."""
    add("1.15")
    return Path(os.environ["CLOUD_RUNTIMES"])


@pytest.fixture(scope="session")
def cloud(runtimes: Path) -> Iterator[BackgroundCloud]:
    """Every job runs in what it requests, or fails."""
    settings = Settings(runtime=RuntimeMode.MATCH, requirements=RequirementsMode.INSTALLED)
    with BackgroundCloud(settings) as cloud:
        yield cloud


def add(name: str) -> None:
    """Make a runtime, if it is not there."""
    environ = {name: value for name, value in os.environ.items() if name != "UV_OFFLINE"}
    subprocess.run([sys.executable, "-m", "cloud.runtimes", "add", name], check=True, env=environ)
